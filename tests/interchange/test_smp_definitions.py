"""Our definitions of the specification's messages, held against protobuf's own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from smp_making import messages
from smp_proto import ENUMS, classes, transcription

from workbench.interchange.documents import Node, parse_json, parse_yaml
from workbench.interchange.smp import messages as ours
from workbench.interchange.smp.canonical import EARLIEST_NS, LATEST_NS, moment_ns, moment_text, to_json, yaml_text
from workbench.interchange.smp.fields import Message, fields_of
from workbench.interchange.smp.messages import DOCUMENTS
from workbench.interchange.smp.reading import Reader

PROTO: dict[str, Any] = classes()
DEFINED = {
    cls.proto: cls for cls in vars(ours).values() if isinstance(cls, type) and issubclass(cls, Message) and cls.proto
}
ENUM_NAMES = {
    ours.Protocol: "PerformanceTestConfig.Client.Protocol",
    ours.MeshType: "ServiceMesh.Type",
    ours.ApplicationProtocol: "ApplicationMetadata.ApplicationProtocol",
}
UNUSED = (ours.Cpu, ours.Memory, ours.Swap, ours.EgressGateway)  # declared by the specification, of no field
ANY_DOCUMENT = st.sampled_from(list(DOCUMENTS.values())).flatmap(messages)
BRIEFLY = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])


def _read(cls: type[Message], node: Node) -> Message:
    reader = Reader("it")
    found = reader.message(cls, node)
    assert reader.findings == []
    return found


def test_every_message_of_the_specification_is_defined_and_no_other():
    assert set(DEFINED) == set(transcription())


@pytest.mark.parametrize("name", sorted(transcription()))
def test_fields_have_the_specifications_numbers_and_types(name):
    kinds = {
        one.name: (
            one.number,
            "Timestamp" if one.kind == "timestamp"
            else ENUM_NAMES[one.of] if one.kind == "enum"
            else one.of.proto if one.kind == "message"
            else one.kind,
            one.repeated,
        )
        for one in fields_of(DEFINED[name]).values()
    }  # fmt: skip
    wanted = {
        field: (number, f"{name}{kind}" if kind.startswith(".") else kind, repeated)
        for number, field, kind, repeated in transcription()[name]
    }
    assert kinds == wanted


@pytest.mark.parametrize("enum", list(ENUM_NAMES))
def test_enums_have_the_specifications_names_and_numbers(enum):
    assert [one.name for one in enum] == ENUMS[ENUM_NAMES[enum]].split()
    assert [int(one) for one in enum] == list(range(len(enum)))


@pytest.mark.parametrize("name", sorted(transcription()))
def test_json_names_are_those_that_protobuf_derives(name):
    derived = {field.name: field.json_name for field in PROTO[name].DESCRIPTOR.fields}
    assert {spec.name: spec.json_name for spec in fields_of(DEFINED[name]).values()} == derived


def test_orphans_are_used_by_no_field():
    used = {spec.of for cls in DEFINED.values() for spec in fields_of(cls).values() if spec.kind == "message"}
    assert used.isdisjoint(UNUSED)


@BRIEFLY
@given(ANY_DOCUMENT)
def test_what_we_write_protobuf_reads_and_writes_the_same(message):
    written = to_json(message)
    parsed = json_format.ParseDict(written, PROTO[message.proto]())
    again = json_format.MessageToDict(parsed, preserving_proto_field_name=True)
    assert json.loads(json.dumps(written)) == again


@BRIEFLY
@given(ANY_DOCUMENT)
def test_wire_bytes_carry_everything(message):
    parsed = json_format.Parse(json.dumps(to_json(message)), PROTO[message.proto]())
    received = PROTO[message.proto].FromString(parsed.SerializeToString())
    text = json_format.MessageToJson(received)  # lowerCamelCase, as other writers have it
    assert _read(type(message), parse_json(text, "it")) == message


@BRIEFLY
@given(ANY_DOCUMENT)
def test_what_we_write_we_read(message):
    assert _read(type(message), parse_json(json.dumps(to_json(message)), "it")) == message


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(ANY_DOCUMENT)
def test_the_same_through_yaml(message):
    assert _read(type(message), parse_yaml(yaml_text(to_json(message)), "it")[0]) == message


@given(st.integers(EARLIEST_NS, LATEST_NS))
def test_moments_come_back(ns):
    assert moment_ns(moment_text(ns)) == ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00.5+01:00", 500_000_000),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2026-01-01t00:00:00z", 1_767_225_600_000_000_000),
    ],
)
def test_moments_are_read_as_rfc_3339_says(text, ns):
    assert moment_ns(text) == ns
