"""Frames in, frames out: what each data plane costs, with its uncertainty and what to believe of it.

The stages, each a module: contract (the frames expected), selection (which runs count), costing (the metrics of each
run), intervals and summaries (medians over blocks), judging and verdicts (what can be told apart), checks (how far
to believe it), comparison (all of it in one value), answer (the headline).
No effects, no store, no plotting.
"""

from workbench.analysis.answer import answer_sentences, headline
from workbench.analysis.comparison import Comparison, compare
from workbench.analysis.costing import bill, costs
from workbench.analysis.evidence import Check

__all__ = ["Check", "Comparison", "answer_sentences", "bill", "compare", "costs", "headline"]
