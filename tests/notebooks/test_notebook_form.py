"""The shipped notebooks keep the house style, and the check that says so can fail."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path

import pytest
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("check_notebooks", ROOT / "scripts" / "check_notebooks.py")
assert SPEC and SPEC.loader
form = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(form)

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def markdown(name: str, source: str) -> dict:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def code(name: str, source: str, **metadata) -> dict:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


GOOD: dict[str, Any] = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "cells": [
        markdown("title", "# Show runs\n**You will** x. **You need** y. **You get** z."),
        code("parameters", 'mesh: str = "a"  # which', tags=["parameters"]),
        code("imports", "import workbench as wb"),
        markdown("show", "Look:"),
        code("runs", "wb.store()"),
    ],
}


def check(tmp_path: Path, notebook: dict, name: str = "30_show_runs.ipynb") -> list[str]:
    path = tmp_path / name
    path.write_text(json.dumps(notebook))
    return list(form.problems(path))


def test_there_are_notebooks_and_they_keep_the_form():
    assert [path.stem for path in NOTEBOOKS] == [
        "00_take_the_tour",
        "05_choose_a_mesh",
        "10_deploy_a_mesh",
        "20_run_an_experiment",
        "30_explore_runs",
        "40_compare_meshes",
        "50_build_a_report",
        "60_playground",
    ]
    assert [problem for path in NOTEBOOKS for problem in form.problems(path)] == []


def test_a_good_notebook_has_no_problem(tmp_path):
    assert check(tmp_path, GOOD) == []


def test_a_bad_name_is_found(tmp_path):
    assert check(tmp_path, GOOD, "analysis.ipynb") == ["the name is not NN_verb_object.ipynb"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f():\n    pass", "def"),
        ("f = lambda: 1", "lambda"),
        ("for run in runs:\n    run", "a loop"),
        ("[run for run in runs]", "a loop"),
        ("if x:\n    y", "a branch"),
        ("!ls", "shell"),
        ("%time wb.store()", "shell"),
        ("store.query('select * from runs')", "SQL"),
        ("import os", "imports"),
        ("\n".join(["x = 1"] * 11), "more than 10 lines"),
    ],
)
def test_what_does_not_belong_into_a_notebook_is_found(tmp_path, source, words):
    bad = copy.deepcopy(GOOD)
    bad["cells"][4]["source"] = source
    assert words in " ".join(check(tmp_path, bad))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ('mesh: str = "a"', "no comment"),
        ('mesh = "a"  # which', "plain type"),
        ("mesh: str = pick()  # which", "plain type"),
        ("mesh: list = []  # which", "plain type"),
    ],
)
def test_bad_parameters_are_found(tmp_path, parameters, words):
    bad = copy.deepcopy(GOOD)
    bad["cells"][1]["source"] = parameters
    assert words in " ".join(check(tmp_path, bad))


def test_outputs_title_ids_prose_and_tags_are_looked_at(tmp_path):
    bad = copy.deepcopy(GOOD)
    bad["cells"][0]["source"] = "Runs"
    bad["cells"][1]["metadata"] = {}
    bad["cells"][2]["id"] = "4F"
    bad["cells"][4]["execution_count"] = 3
    bad["cells"].append(code("runs", "wb.store()"))
    bad["metadata"]["papermill"] = {}
    found = " ".join(check(tmp_path, bad))
    for words in (
        "title",
        "You will",
        "tagged 'parameters'",
        "'4F'",
        "holds outputs",
        "same id",
        "not introduced",
        "papermill",
    ):
        assert words in found


def test_more_than_fifteen_code_cells_are_too_many(tmp_path):
    bad = copy.deepcopy(GOOD)
    bad["cells"] += [code(f"more-{number}", "wb.store()") for number in range(13)]
    assert "16 code cells" in " ".join(check(tmp_path, bad))
