"""Which of the specification's meshes a run's mesh is, and how a document's mesh is called here.

By the specification's own names: a mesh called ``linkerd`` is its ``LINKERD``, and one called by the initials of a name
(``nsm``) is that one. What has no name there, as the lab's archetypes, is INVALID_MESH with its own name in a label.
"""

from __future__ import annotations

from workbench.interchange.smp.messages import MeshType, ServiceMesh


def _folded(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def mesh_type(name: str) -> MeshType:
    """Return the specification's mesh called ``name``; INVALID_MESH when it has none."""
    wanted = _folded(name)
    for one in MeshType:
        words = one.name.lower().split("_")
        short = "".join(word for word in words if word not in ("service", "mesh"))
        initials = "".join(word[0] for word in words) if len(words) > 1 else ""
        if one and wanted and wanted in (_folded(one.name), short, initials):
            return one
    return MeshType.INVALID_MESH


def mesh_label(mesh: ServiceMesh | None) -> str:
    """Return what a document calls its mesh; empty when it does not say."""
    if mesh is None:
        return ""
    name = mesh.labels.get("name", "") or (mesh.type.name.lower().replace("_", "-") if mesh.type else "")
    return f"{name} {mesh.version}".strip() if name else ""
