"""The auditor: rules that published performance figures break, applied to any set of results, ours included.

::

    claims     what a set of results says, brought to one shape; from publications, imported files, campaigns
    rules      the rules, each with why it matters
    auditing   rules applied to sets, findings in order

A finding says what is the case, with its figure. It never says that somebody meant to mislead.
"""

from workbench.interchange.audit.auditing import AuditFinding, audit
from workbench.interchange.audit.claims import (
    Claim,
    ResultSet,
    set_of_campaign,
    set_of_imported,
    set_of_publication,
)
from workbench.interchange.audit.rules import RULES, Rule

__all__ = [
    "RULES",
    "AuditFinding",
    "Claim",
    "ResultSet",
    "Rule",
    "audit",
    "set_of_campaign",
    "set_of_imported",
    "set_of_publication",
]
