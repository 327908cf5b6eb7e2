"""Which service mesh: what is known of each, with sources, and which ones meet a list of needs.

Pure: reads the TOML files in ``data/landscape``, gives frames and dataclasses; `workbench.charts.topology` draws them.
"""

from workbench.landscape.facts import (
    FIELDS,
    KINDS,
    PLANES,
    UNKNOWN,
    Entry,
    Fact,
    Landscape,
    Pattern,
    Sequence,
    Topology,
)
from workbench.landscape.needs import MATCHES, NEEDS, NOT_KNOWN, RULED_OUT, MeshMatch, Need, choose, parse_needs
from workbench.landscape.reading import read_landscape
from workbench.landscape.tables import Choice, choose_from, facts_table, figures, needs_table, overview, patterns_table

__all__ = [
    "FIELDS",
    "KINDS",
    "MATCHES",
    "NEEDS",
    "NOT_KNOWN",
    "PLANES",
    "RULED_OUT",
    "UNKNOWN",
    "Choice",
    "Entry",
    "Fact",
    "Landscape",
    "MeshMatch",
    "Need",
    "Pattern",
    "Sequence",
    "Topology",
    "choose",
    "choose_from",
    "facts_table",
    "figures",
    "needs_table",
    "overview",
    "parse_needs",
    "patterns_table",
    "read_landscape",
]
