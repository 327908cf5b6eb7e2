"""Every error of ours is of the one tree, where a notebook's kernel finds it by its name."""

from __future__ import annotations

import importlib
import pkgutil

import workbench.environments
from workbench import errors


def everything_below(found):
    for one in found.__subclasses__():
        yield one
        yield from everything_below(one)


def test_no_error_is_defined_elsewhere():
    for module in pkgutil.walk_packages(workbench.environments.__path__, "workbench.environments."):
        importlib.import_module(module.name)
    elsewhere = [one for one in everything_below(errors.WorkbenchError) if one.__module__.startswith("workbench.")]
    assert [one for one in elsewhere if getattr(errors, one.__name__, None) is not one] == []
