"""What the API server says when it will not take an object, as a sentence that says which field and why. Pure.

The server's own words are kept; what stands around them (paths of URLs, repeated names, status numbers) is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from workbench.environments.kubernetes.client import RefusedError
from workbench.environments.kubernetes.complaints import refusal
from workbench.environments.kubernetes.designs.changes import Acceptance, Verdict
from workbench.environments.kubernetes.objects import name_of
from workbench.text.redaction import redacted_text

_WEBHOOK = re.compile(r'admission webhook "([^"]+)" denied the request(?:: (.*))?', re.DOTALL)
_NO_DRY_RUN = re.compile(r'admission webhook "([^"]+)" does not support dry run')
_POLICY = re.compile(r"ValidatingAdmissionPolicy '([^']+)' .*?denied request: (.*)", re.DOTALL)
_UNKNOWN = re.compile(r'unknown field "([^"]+)"')
_UNDECLARED = re.compile(r"\.([^\s:]+): (field not declared in schema|expected [^\n]+)")
_HOLDER = re.compile(r'conflict with "([^"]+)"')


def verdict_on(wanted: Mapping[str, Any], error: RefusedError) -> Verdict:
    """Return the verdict that a refusal of ``wanted`` amounts to."""
    causes = [one for one in error.details.get("causes") or () if isinstance(one, Mapping)]
    if any(one.get("reason") == "FieldManagerConflict" for one in causes):
        return _conflict(wanted, causes)
    if error.status == 404 and error.details.get("kind") == "namespaces":
        place = str(wanted["metadata"].get("namespace", ""))
        return verdict(wanted, "no-namespace", no_namespace(place))
    sentence, fields = _reason(error, causes)
    return verdict(wanted, "refused", redacted_text(sentence), fields=fields)


def verdict(wanted: Mapping[str, Any], standing: Acceptance, sentence: str, **more: Any) -> Verdict:
    """Return a verdict whose sentence begins with the object."""
    name, text = name_of(wanted), printable(sentence)
    return Verdict(object=name, standing=standing, sentence=f"{name}: {text}.", **more)


def printable(text: str) -> str:
    """Return what another program said as one line that no terminal takes for a command, without a full stop."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable()).rstrip(".")


def no_namespace(place: str) -> str:
    """Return what to do about a namespace that is missing."""
    return f"there is no namespace {place}; create it, or change the design's target"


def _conflict(wanted: Mapping[str, Any], causes: list[Mapping[str, Any]]) -> Verdict:
    fields = tuple(sorted({str(one.get("field", "")).lstrip(".") for one in causes}))
    found = (_HOLDER.search(str(one.get("message", ""))) for one in causes)
    managers = tuple(sorted({one[1] for one in found if one}))
    return verdict(
        wanted,
        "conflict",
        f"{', '.join(fields)} {'is' if len(fields) == 1 else 'are'} set by {' and '.join(managers)}, who would set "
        f"{'it' if len(fields) == 1 else 'them'} again; change it there, or take it over by force",
        fields=fields,
        managers=managers,
    )


def _reason(error: RefusedError, causes: list[Mapping[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """Return (why, the fields meant)."""
    said = error.said
    if found := _WEBHOOK.search(said):
        return f"the webhook {found[1]} refuses it: {found[2] or 'it gives no reason'}", ()
    if found := _NO_DRY_RUN.search(said):
        return f"it cannot be tried before it is applied, because the webhook {found[1]} does not support dry runs", ()
    if found := _POLICY.search(said):
        return f"the admission policy {found[1]} refuses it: {found[2]}", ()
    if unknown := tuple(dict.fromkeys(_UNKNOWN.findall(said))):
        return f"{_named(unknown)} not known to the kind's schema", unknown
    if undeclared := _UNDECLARED.findall(said):
        fields = tuple(dict.fromkeys(field for field, _ in undeclared))
        unknown_here = all("not declared" in why for _, why in undeclared)
        why = "not known to the kind's schema" if unknown_here else undeclared[0][1]
        return f"{_named(fields)} {why}" if unknown_here else f"{fields[0]}: {_without_dumps(why)}", fields
    if error.status == 422 and causes:
        told = [(str(one.get("field", "")), str(one.get("message", ""))) for one in causes]
        fields = tuple(dict.fromkeys(field for field, _ in told if field and field != "<nil>"))
        return "; ".join(f"{field}: {why}" if field != "<nil>" else why for field, why in told), fields
    if error.status == 403 and "cannot" in said and "User" in said:
        return (
            f"the right is missing: {said[said.index('User') :]}; `workbench design rights` prints the rights it needs",
            (),
        )
    return refusal(said), ()


def _without_dumps(why: str) -> str:
    """Return what is wrong with a value's type without Go's way of printing it."""
    return re.sub(r"got &value\.valueUnstructured\{Value:(.*)\}", r"got \1", re.sub(r"got &\{.*", "got a table", why))


def _named(fields: tuple[str, ...]) -> str:
    return f"the field{'s' if len(fields) > 1 else ''} {', '.join(fields)} {'are' if len(fields) > 1 else 'is'}"
