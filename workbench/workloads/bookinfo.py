"""``bookinfo``: Istio's sample, four services in four languages, three versions of one of them behind one Service."""

from __future__ import annotations

from workbench.workloads._ready import Ready, Unit

VERSION = "1.20.3"
_IMAGES = "registry.istio.io/release/examples-bookinfo"
_PORT = 9080


def _reviews(version: str) -> Unit:
    """Describe one version of the reviews (Java): the first shows no ratings, the others ask for them."""
    return Unit(
        name=f"reviews-{version}",
        service="reviews",
        image=f"{_IMAGES}-reviews-{version}:{VERSION}",
        port=_PORT,
        version=version,
        env={"LOG_DIR": "/tmp/logs"},  # noqa: S108 - inside the container, in a volume of its own
        calls=() if version == "v1" else ("ratings",),
        folders=("/tmp", "/opt/ibm/wlp/output"),  # noqa: S108
        memory="256Mi",
    )


ADAPTER = Ready(
    name="bookinfo",
    title="Istio's bookinfo: a page from two services, one of which calls a third (up to three hops)",
    units=(
        Unit(
            name="productpage",
            image=f"{_IMAGES}-productpage-v1:{VERSION}",
            port=_PORT,
            env={"DETAILS_HOSTNAME": "details", "REVIEWS_HOSTNAME": "reviews", "RATINGS_HOSTNAME": "ratings"},
            calls=("details", "reviews"),
            folders=("/tmp",),  # noqa: S108
            memory="128Mi",
        ),
        Unit(name="details", image=f"{_IMAGES}-details-v1:{VERSION}", port=_PORT),
        Unit(name="ratings", image=f"{_IMAGES}-ratings-v1:{VERSION}", port=_PORT),
        *(_reviews(version) for version in ("v1", "v2", "v3")),
    ),
    path="/productpage",
)
