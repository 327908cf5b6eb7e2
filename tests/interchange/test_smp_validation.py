"""Broken documents: every fault is named with file, line, field and rule; what is sound is not called broken."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from smp_making import messages

from workbench.errors import BadInputError, UnknownNameError
from workbench.interchange.documents import parse_json
from workbench.interchange.smp.canonical import to_json
from workbench.interchange.smp.findings import errors
from workbench.interchange.smp.messages import DOCUMENTS, PerformanceTestResult
from workbench.interchange.smp.reading import Reader
from workbench.interchange.smp.schema import json_schema
from workbench.interchange.smp.validation import validate_file

VALID = """{"smp_version":"v0.6.1","id":"r1","labels":{"mesh":"istio"},
"start_time":"2026-01-01T00:00:00Z","end_time":"2026-01-01T00:04:00Z",
"latencies_ms":{"min":0.5,"average":1.2,"p50":1.1,"p90":2.0,"p99":4.0,"max":9.0},"actual_qps":999.7,
"details_uri":"https://x","test_id":"t1","mesh_config_id":"m1","env_id":"e1"}"""


def _validate(tmp_path, text, name="it.json", kind=""):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return validate_file(path, kind)


def _rules(documents):
    return [(one.rule, one.line) for document in documents for one in document.findings]


def test_a_valid_result_has_no_findings(tmp_path):
    (document,) = _validate(tmp_path, VALID)
    assert (document.kind, document.findings) == ("result", ())
    assert document.message.latencies_ms.p90 == 2.0


@pytest.mark.parametrize(
    ("old", "new", "rule", "line", "field"),
    [
        ('"env_id"', '"enviroment_id"', "unknown-field", 4, "enviroment_id"),
        ('"p90":2.0', '"p90":5.0', "percentiles-out-of-order", 3, "latencies_ms.p90"),
        ('"average":1.2', '"average":12', "average-outside", 3, "latencies_ms.average"),
        ("00:04:00Z", "00:04:00", "wrong-time", 2, "end_time"),
        ("2026-01-01T00:04", "2025-01-01T00:04", "times-out-of-order", 2, "end_time"),
        ('"actual_qps":999.7', '"actual_qps":"fast"', "wrong-type", 3, "actual_qps"),
        ('"actual_qps":999.7', '"actual_qps":-1', "negative", 3, "actual_qps"),
        ('{"mesh":"istio"}', '{"mesh":1.10}', "wrong-type", 1, "labels.mesh"),
        ('{"mesh":"istio"}', "[]", "wrong-type", 1, "labels"),
        ('"id":"r1"', '"id":"r1","id":"r2"', "duplicate-field", 1, "id"),
        ('"test_id":"t1"', '"test_id":"t1","testId":"t2"', "duplicate-field", 4, "testId"),
        ('"test_id":"t1"', '"test_id":"test_test_id"', "placeholder", 4, "test_id"),
        ('"v0.6.1"', '"newest"', "wrong-version", 1, "smp_version"),
        ('"env_id":"e1"', '"env_id":""', "missing-link", 1, "env_id"),
        (
            '{"min":0.5,"average":1.2,"p50":1.1,"p90":2.0,"p99":4.0,"max":9.0}',
            '{"min":0.001,"average":0.03,"p50":0.0219,"p90":0.03,"p99":0.04,"max":0.06}',
            "seconds-as-milliseconds",
            3,
            "latencies_ms",
        ),
    ],
)
def test_a_fault_is_named_with_its_place_and_rule(tmp_path, old, new, rule, line, field):
    assert old in VALID
    (document,) = _validate(tmp_path, VALID.replace(old, new))
    found = [(one.rule, one.line, one.field) for one in document.findings]
    assert (rule, line, field) in found
    told = str(next(one for one in document.findings if one.rule == rule))
    assert told.startswith(f"{tmp_path / 'it.json'}, line {line}: {field}") and told.endswith(f"[{rule}]")


def test_a_mistyped_name_is_suggested(tmp_path):
    (document,) = _validate(tmp_path, VALID.replace("latencies_ms", "latency_ms"))
    assert any("did you mean latencies_ms?" in one.message for one in document.findings)


def test_fields_of_a_config_are_checked_for_range_and_enum(tmp_path):
    text = """
smp_version: v0.6.1
id: t
duration: 5 minutes
clients:
- load_generator: fortio
  protocol: HTTPX
  connections: 3000000000
  rps: 10.5
  endpoint_urls: http://x
"""
    (document,) = _validate(tmp_path, text, "it.yaml")
    assert _rules([document]) == [
        ("wrong-duration", 4),
        ("unknown-enum", 7),
        ("out-of-range", 8),
        ("wrong-type", 9),
        ("wrong-type", 10),
    ]
    (client,) = document.message.clients
    assert (client.rps, client.endpoint_urls, client.connections) == (10, ("http://x",), 0)
    assert all(one.repair for one in document.findings)


def test_enums_are_read_by_number_name_and_habit(tmp_path):
    text = (
        '{"clients": [{"protocol": %s, "endpoint_urls": ["u"], "rps": 1}], "duration": "1s", "smp_version": "v0.6.1"}'
    )
    for written, number, findings in (("1", 1, 0), ('"PROTOCOL_GRPC"', 4, 0), ('"grpc"', 4, 1)):
        (document,) = _validate(tmp_path, text % written)
        assert int(document.message.clients[0].protocol) == number
        assert len(document.findings) == findings


def test_meshery_profiles_are_told_apart(tmp_path):
    text = (
        "test:\n  smp_version: v0.0.1\n  name: Load\n  clients:\n  - rps: 10\n    endpoint_urls: [u]\n"
        "  duration: 60s\nmesh:\n  type: 3\n"
    )
    (document,) = _validate(tmp_path, text, "it.yaml")
    assert (document.kind, document.mesh.type.name, document.message.name) == ("profile", "ISTIO", "Load")
    assert document.findings == ()


def test_links_among_the_documents_of_a_file_are_checked(tmp_path):
    others = """
---
{"smp_version": "v0.6.1", "id": "t1", "duration": "1s", "clients": []}
---
{"smp_version": "v0.6.1", "id": "m2", "mesh_type": {"type": 3}}
"""
    text = f"---\n{VALID}{others}"
    documents = _validate(tmp_path, text, "it.yaml")
    assert [one.kind for one in documents] == ["result", "test", "mesh"]
    dangling = [one.field for one in documents[-1].findings if one.rule == "dangling-link"]
    assert dangling == ["mesh_config_id", "env_id"]


def test_ids_given_twice_are_found(tmp_path):
    documents = _validate(tmp_path, f"[{VALID},{VALID}]")
    assert [one.rule for one in documents[-1].findings].count("duplicate-id") == 2


@pytest.mark.parametrize("text", ["{}", "[1]", '{"name": "x"}', '"text"'])
def test_what_is_no_document_is_refused(tmp_path, text):
    with pytest.raises(BadInputError, match="not an SMP document"):
        _validate(tmp_path, text)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(DOCUMENTS)).flatmap(lambda kind: st.tuples(st.just(kind), messages(DOCUMENTS[kind]))))
def test_every_message_is_valid_by_the_published_schema(made):
    kind, message = made
    for schema in (json_schema(kind), json_schema()):
        jsonschema.Draft202012Validator(schema).validate(to_json(message))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(messages(PerformanceTestResult), st.data())
def test_schema_and_reader_agree_on_what_is_broken(message, data):
    document = {"id": "x", **to_json(message)}
    name = data.draw(st.sampled_from(sorted(document)))
    document[name] = data.draw(st.sampled_from([True, "text", 3.5, [], ["x"], {}, {"p50": "x"}, {"a": 1}, None]))
    reader = Reader("it")
    reader.message(PerformanceTestResult, parse_json(json.dumps(document), "it"))
    schema = jsonschema.Draft202012Validator(json_schema("result"))
    assert schema.is_valid(document) == (not errors(reader.findings))


def test_the_schema_itself_is_a_valid_schema():
    jsonschema.Draft202012Validator.check_schema(json_schema())
    with pytest.raises(UnknownNameError, match="environment, mesh, profile, result, test"):
        json_schema("results")
