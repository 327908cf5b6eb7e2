"""From names to numbers: the ports and addresses behind a description's placeholders.

Ports of the machine's own network are chosen by the kernel: each is bound here, with SO_REUSEPORT and never listening,
and stays bound until the deployment ends, so that nobody else gets it while the program that is to listen on it starts.
A namespace of our own holds nobody else, so its ports are simply counted.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workbench.errors import BadInputError
from workbench.model.lab_steps import Application, Endpoint, Process

LOOPBACK = "127.0.0.1"
_FIRST_PORT = 15_001
_QUOTED_PORT = re.compile(r'"(\$\{[^}]+\.port\})"')
_PLACEHOLDER = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a port is reached and bound."""

    host: str
    port: int


@dataclass(slots=True)
class Names:
    """The places of all ports of a deployment; `close` gives the ports back."""

    application: Application
    addresses: Mapping[str, str]
    places: dict[Endpoint, Place] = field(default_factory=dict)
    namespaces: dict[str, str | None] = field(default_factory=dict)
    _reserved: list[socket.socket] = field(default_factory=list)

    def reserve(self, processes: Sequence[Process]) -> None:
        """Choose a place for every port of ``processes``."""
        for process in processes:
            self.namespaces[process.name] = process.namespace
            for port in process.ports:
                endpoint = Endpoint(component=process.name, port=port)
                if process.namespace is None:
                    self.places[endpoint] = self._reserve_here()
                else:
                    number = _FIRST_PORT + len(self.places)
                    self.places[endpoint] = Place(host=self.addresses[process.namespace], port=number)

    def _reserve_here(self) -> Place:
        reservation = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reservation.bind((LOOPBACK, 0))
        self._reserved.append(reservation)
        return Place(host=LOOPBACK, port=reservation.getsockname()[1])

    def place(self, endpoint: Endpoint) -> Place:
        """Return where ``endpoint`` is.

        Raises
        ------
        BadInputError
            When no process of the deployment has such a port.
        """
        try:
            return self.places[endpoint]
        except KeyError:
            raise BadInputError(f"No process of this deployment has the port {endpoint}.") from None

    def fill(self, text: str, given: Mapping[str, str]) -> str:
        """Return ``text`` with every placeholder filled in; ``given`` holds those without a dot, such as ``dir``."""
        text = _QUOTED_PORT.sub(r"\1", text)
        return _PLACEHOLDER.sub(lambda match: self._value(match[1], given), text)

    def _value(self, name: str, given: Mapping[str, str]) -> str:
        if name in given:
            return given[name]
        path, _, attribute = name.rpartition(".")
        if path.startswith("route:"):
            route = path.removeprefix("route:")
            if route not in self.application.routes:
                raise BadInputError(f"The application has no route {route!r}.")
            place = self.place(self.application.routes[route])
        else:
            component, _, port = path.partition(".")
            place = self.place(Endpoint(component=component, port=port))
        if attribute == "port":
            return str(place.port)
        if attribute in ("host", "bind"):
            return place.host
        raise BadInputError(f"The placeholder ${{{name}}} is not known.")

    def close(self) -> None:
        """Give the reserved ports back."""
        for reservation in self._reserved:
            reservation.close()
        self._reserved.clear()
