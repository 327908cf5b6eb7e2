"""Container images without a registry: archives made of programs that lie here, as ``ctr images import`` takes them."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def archive(name: str, files: Mapping[str, Path], entrypoint: Sequence[str], target: Path, user: str = "") -> Path:
    """Write an image of one layer that holds ``files`` (place in the image -> file here) and return the archive.

    Everything that could differ between two makings is fixed, so that equal files make an image of equal digest.
    """
    layer = _tar({**dict.fromkeys(_folders(files)), **{place: path.read_bytes() for place, path in files.items()}})
    path = "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "User": user,
            "Entrypoint": list(entrypoint),
            "Env": [path],
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    parts = {"layer.tar": layer, "config.json": _json(config), "manifest.json": _json(manifest)}
    target.write_bytes(_tar(parts))
    return target


def libraries(program: Path) -> dict[str, Path]:
    """Return the shared libraries that a program needs (place -> file), its loader too."""
    told = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    return {place: Path(place).resolve() for place in re.findall(r"(/\S+) \(0x", told)}


def _folders(files: Mapping[str, Path]) -> list[str]:
    found = {str(parent).lstrip("/") for place in files for parent in Path(place).parents} | {"tmp", "etc"}
    return sorted(f"{one}/" for one in found if one)


def _tar(entries: Mapping[str, bytes | None]) -> bytes:
    """Return a tar of files, and of folders where the content is None."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as out:
        for place, content in entries.items():
            one = tarfile.TarInfo(place.strip("/"))
            one.mode = 0o755
            if content is None:
                one.type, one.mode = tarfile.DIRTYPE, 0o1777 if place == "tmp/" else 0o755
            else:
                one.size = len(content)
            out.addfile(one, io.BytesIO(content or b""))
    return packed.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
