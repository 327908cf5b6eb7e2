"""Colours that everybody can tell apart, and that stay with their data plane."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.charts import theme

# Machado, Oliveira and Fernandes 2009, severity 1.0; linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
SRGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    ratio = SRGB @ np.clip(light, 0, 1) / WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(colour: str) -> float:
    return float(1.05 / (SRGB[1] @ linear(colour) + 0.05))


def nearest(colours: Sequence[str], vision: str) -> float:
    seen = [lab(np.array(VISION[vision]) @ linear(colour)) for colour in colours]
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2))


@pytest.mark.parametrize("vision", VISION)
def test_mesh_colours_stay_apart(vision: str) -> None:
    assert nearest([theme.BASELINE_COLOUR, *theme.MESH_COLOURS], vision) >= 12.5


@pytest.mark.parametrize("vision", VISION)
def test_colours_of_roles_that_stand_together_stay_apart(vision: str) -> None:
    together = (
        "application",
        "sidecar",
        "node-proxy",
        "kernel",
        "load-generator",
        "control-plane",
        "system",
        "unattributed",
    )
    assert nearest([theme.ROLE_COLOURS[role] for role in together], vision) >= 12.5


def test_colours_are_seen_on_white() -> None:
    assert min(map(contrast, theme.MESH_COLOURS)) >= 2.6
    assert contrast(theme.BASELINE_COLOUR) >= 4.5
    assert contrast(theme.QUIET) >= 4.5


@given(st.lists(st.text(min_size=1), min_size=1, max_size=20, unique=True), st.randoms())
def test_a_mesh_keeps_colour_and_shape_however_it_ranks(labels: list[str], dice: object) -> None:
    shuffled = [labels[0], *sorted(labels[1:], key=lambda _: dice.random())]  # type: ignore[attr-defined]
    assert theme.mesh_colours(labels) == theme.mesh_colours(shuffled)
    assert theme.mesh_shapes(labels) == theme.mesh_shapes(shuffled)
    assert theme.mesh_colours(labels)[labels[0]] == theme.BASELINE_COLOUR
    pairs = [(theme.mesh_colours(labels)[one], theme.mesh_shapes(labels)[one]) for one in labels]
    assert len(set(pairs)) == len(labels)


def test_roles_unknown_here_come_last_and_still_get_a_colour() -> None:
    assert theme.roles_in_order(["zebra", "load-generator", "application"]) == [
        "application",
        "load-generator",
        "zebra",
    ]
