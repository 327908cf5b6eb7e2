"""``emojivoto``: Linkerd's sample, a web front in HTTP over two services in gRPC.

The client votes for an emoji: the front asks one service whether there is such an emoji and tells the other of it.
"""

from __future__ import annotations

from workbench.workloads._ready import Ready, Unit

VERSION = "v11"
_IMAGES = "ghcr.io/buoyantio/emojivoto"
_GRPC = {"GRPC_PORT": "8080", "PROM_PORT": "8801"}

ADAPTER = Ready(
    name="emojivoto",
    title="Linkerd's emojivoto: a web front that calls two gRPC services for every vote (three hops)",
    units=(
        Unit(
            name="web",
            service="web-svc",
            image=f"{_IMAGES}-web:{VERSION}",
            port=8080,
            service_port=80,
            env={
                "WEB_PORT": "8080",
                "EMOJISVC_HOST": "emoji-svc:8080",
                "VOTINGSVC_HOST": "voting-svc:8080",
                "INDEX_BUNDLE": "dist/index_bundle.js",
            },
            calls=("emoji-svc", "voting-svc"),
        ),
        Unit(
            name="emoji",
            service="emoji-svc",
            image=f"{_IMAGES}-emoji-svc:{VERSION}",
            port=8080,
            speaks="grpc",
            env=_GRPC,
        ),
        Unit(
            name="voting",
            service="voting-svc",
            image=f"{_IMAGES}-voting-svc:{VERSION}",
            port=8080,
            speaks="grpc",
            env=_GRPC,
        ),
    ),
    path="/api/vote?choice=:joy:",
)
