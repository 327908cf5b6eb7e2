"""``online-boutique``: Google's sample shop, a web front over nine services in gRPC, and a Redis.

The client asks for the home page. No load generator of the shop's own is deployed, and no assistant, whose address the
front wants all the same.
"""

from __future__ import annotations

from workbench.workloads._ready import Ready, Unit

VERSION = "v0.10.5"
_IMAGES = "us-central1-docker.pkg.dev/google-samples/microservices-demo"
_USER = 1000
_PORTS = {
    "productcatalogservice": 3550,
    "currencyservice": 7000,
    "cartservice": 7070,
    "recommendationservice": 8080,
    "shippingservice": 50051,
    "checkoutservice": 5050,
    "adservice": 9555,
    "paymentservice": 50051,
    "emailservice": 5000,
}
"""Service -> its port."""

_VARIABLES = {
    "productcatalogservice": "PRODUCT_CATALOG_SERVICE_ADDR",
    "currencyservice": "CURRENCY_SERVICE_ADDR",
    "cartservice": "CART_SERVICE_ADDR",
    "recommendationservice": "RECOMMENDATION_SERVICE_ADDR",
    "shippingservice": "SHIPPING_SERVICE_ADDR",
    "checkoutservice": "CHECKOUT_SERVICE_ADDR",
    "adservice": "AD_SERVICE_ADDR",
    "paymentservice": "PAYMENT_SERVICE_ADDR",
    "emailservice": "EMAIL_SERVICE_ADDR",
}


def _addresses(calls: tuple[str, ...]) -> dict[str, str]:
    return {_VARIABLES[callee]: f"{callee}:{_PORTS[callee]}" for callee in calls}


def _unit(
    name: str,
    *,
    calls: tuple[str, ...] = (),
    port: int = 0,
    cpu: str = "100m",
    memory: str = "64Mi",
) -> Unit:
    """Describe one of the gRPC services; requests are the project's own."""
    listens = port or _PORTS[name]
    quiet = {"PORT": str(listens), "DISABLE_PROFILER": "1"}
    return Unit(
        name=name,
        image=f"{_IMAGES}/{name}:{VERSION}",
        port=listens,
        service_port=_PORTS[name],
        speaks="grpc",
        env={**quiet, **_addresses(calls)},
        calls=calls,
        user=_USER,
        cpu=cpu,
        memory=memory,
    )


_FRONT_CALLS = (
    "productcatalogservice",
    "currencyservice",
    "cartservice",
    "recommendationservice",
    "shippingservice",
    "checkoutservice",
    "adservice",
)
_CHECKOUT_CALLS = (
    "productcatalogservice",
    "shippingservice",
    "paymentservice",
    "emailservice",
    "currencyservice",
    "cartservice",
)

ADAPTER = Ready(
    name="online-boutique",
    title="Google's online boutique: a shop of eleven services, four of which make its home page",
    units=(
        Unit(
            name="frontend",
            image=f"{_IMAGES}/frontend:{VERSION}",
            port=8080,
            service_port=80,
            env={
                "PORT": "8080",
                "ENABLE_PROFILER": "0",
                **_addresses(_FRONT_CALLS),
                "SHOPPING_ASSISTANT_SERVICE_ADDR": "shoppingassistantservice:80",
            },
            calls=_FRONT_CALLS,
            user=_USER,
        ),
        _unit("productcatalogservice"),
        _unit("currencyservice"),
        Unit(
            name="cartservice",
            image=f"{_IMAGES}/cartservice:{VERSION}",
            port=7070,
            speaks="grpc",
            env={"REDIS_ADDR": "redis-cart:6379"},
            calls=("redis-cart",),
            user=_USER,
            cpu="200m",
        ),
        _unit("recommendationservice", calls=("productcatalogservice",), memory="220Mi"),
        _unit("shippingservice"),
        _unit("checkoutservice", calls=_CHECKOUT_CALLS),
        _unit("adservice", cpu="200m", memory="180Mi"),
        _unit("paymentservice"),
        _unit("emailservice", port=8080),
        Unit(
            name="redis-cart",
            image="docker.io/library/redis:7.2.4-alpine",
            port=6379,
            speaks="tcp",
            folders=("/data",),
            user=_USER,
            cpu="70m",
            memory="200Mi",
        ),
    ),
    path="/",
)
