"""The Service Mesh Performance specification (SMP), version 0.6.1.

The specification is a set of protobuf messages. They are defined here once more, from its list of fields, as frozen
dataclasses that carry each field's number and type; everything else follows from the definitions:

::

    messages     the definitions
    canonical    message -> canonical proto3 JSON
    reading      document -> message, with a finding (file, line, field, rule) for whatever is wrong
    rules        what the definitions cannot say: order of percentiles, units, links, placeholders
    schema       the definitions as JSON Schema
    exporting    runs -> documents
    bundle       documents and distributions as a folder, and back
    meshery      Meshery's test profiles -> experiments
    meshmark     an index in the manner of MeshMark, with its inputs

Why not protobuf itself: its runtime would be a dependency (with a C extension and a ceiling on its own versions) for
four small messages that are only ever exchanged as JSON or YAML, and its errors name neither line nor rule. Tests
hold the definitions against descriptors made with protobuf: numbers, types, JSON in both directions, wire bytes.
"""

SMP_VERSION = "v0.6.1"
"""What the documents written here claim, and are checked against."""
