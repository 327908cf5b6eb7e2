"""What all tests share: options, and an environment without the choices of whoever runs them."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from workbench.startup import skip_slow_format_checks

skip_slow_format_checks()

for variable in [name for name in os.environ if name.startswith("WORKBENCH_")]:
    del os.environ[variable]

# The machine is shared and noisy: an example that takes long says nothing about the code.
settings.register_profile("workbench", deadline=None)
settings.load_profile("workbench")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--with-cluster", action="store_true", help="also run the tests that need a cluster")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--with-cluster"):
        return
    skip = pytest.mark.skip(reason="needs a Kubernetes cluster; run: make test ARGS=--with-cluster")
    for item in items:
        if "cluster" in item.keywords:
            item.add_marker(skip)
