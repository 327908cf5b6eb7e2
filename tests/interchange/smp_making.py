"""Strategies that make any message of the specification."""

from __future__ import annotations

from hypothesis import strategies as st

from workbench.interchange.smp.canonical import EARLIEST_NS, LATEST_NS
from workbench.interchange.smp.fields import FieldSpec, Message, fields_of

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def _single(spec: FieldSpec) -> st.SearchStrategy:
    made = {
        "string": TEXT,
        "bool": st.booleans(),
        "int32": st.integers(-(2**31), 2**31 - 1),
        "int64": st.integers(-(2**63), 2**63 - 1),
        "double": FINITE.map(lambda value: value + 0.0),  # -0.0 is set in proto3 and means nothing here
        "map": st.dictionaries(TEXT, TEXT, max_size=3),
        "timestamp": st.none() | st.integers(EARLIEST_NS, LATEST_NS),
    }
    if spec.kind == "enum":
        return st.sampled_from(list(spec.of))
    return messages(spec.of) if spec.kind == "message" else made[spec.kind]


def messages(cls: type[Message]) -> st.SearchStrategy:
    """Any message of class ``cls``; each field is as often left out as set."""
    given = {}
    for name, spec in fields_of(cls).items():
        one = st.deferred(lambda spec=spec: _single(spec))
        given[name] = st.lists(one, max_size=2).map(tuple) if spec.repeated else one
    return st.fixed_dictionaries({}, optional=given).map(lambda values: cls(**values))
