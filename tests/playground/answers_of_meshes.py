"""The table of docs/playground.md: what each mesh can be asked to do, made from the meshes' own answers."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "meshes"))

from intent_cases import TARGET, VALUES

from workbench.intents import FEATURES, Design, Intent
from workbench.playground import SUPPORT_WORDS, distinct, render_all

DOCUMENT = Path(__file__).parents[2] / "docs" / "playground.md"
REMAKE = "python tests/playground/answers_of_meshes.py"
BEGIN, END = "<!-- what each mesh can be asked: begin -->", "<!-- what each mesh can be asked: end -->"


def table() -> str:
    """Rows of features, columns of meshes; below, what is lost where it is carried in part."""
    design = Design(intent=Intent(name="all", **VALUES), target=TARGET)
    labels = [one.mesh for one in distinct(render_all(design))]
    labels = [label for label in labels if label not in ("baseline", "consul/http")]
    alone = {
        feature: render_all(Design(intent=Intent(name="one", **{feature: value}), target=TARGET), labels)
        for feature, value in VALUES.items()
    }
    lines = [f"| | {' | '.join(labels)} |", f"|---|{'---|' * len(labels)}"]
    lost = []
    for feature, renderings in alone.items():
        title = FEATURES[feature].title
        lines.append(f"| {title} | {' | '.join(SUPPORT_WORDS[one.answers[0].support] for one in renderings)} |")
        for one in renderings:
            if one.answers[0].support == "partial":
                lost.append(f"- {title}, {one.mesh}: {one.answers[0].says}")
    return "\n".join([*lines, "", "Partly:", "", *lost])


def documented(text: str) -> str:
    found = re.search(f"{re.escape(BEGIN)}\n\n(.*?)\n\n{re.escape(END)}", text, re.DOTALL)
    assert found, "the marks of the table are gone"
    return found[1]


def remade(text: str) -> str:
    return text.replace(f"{BEGIN}\n\n{documented(text)}\n\n{END}", f"{BEGIN}\n\n{table()}\n\n{END}")


if __name__ == "__main__":
    DOCUMENT.write_text(remade(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
