"""Continues the trace in requests to hosts that the user names, by `traceparent` and `baggage`; never in a call.

It is off unless the setting `propagate_to` names a host: then, and only for these hosts, the hooks of the libraries ask
here what to add to a request that is none of a provider's.
"""

import logging
from collections.abc import Callable, Iterable

from llmobserve.context import current, is_outside
from llmobserve.guard import guarded
from llmobserve.propagation import headers_of
from llmobserve.providers.hosts import LOOPBACK, SITES, name_at
from llmobserve.providers.registry import Registry

__all__ = ["Onward", "provider_of"]

_ADD = guarded("capture.onward")
_OURS = "llmobserve."
_USUAL_PORTS = {"80", "443"}


class Onward:
    """The hosts that get the trace, and what they get."""

    def __init__(self, places: Iterable[str], registry: Registry) -> None:
        """`places`: `host` for any port, or `host:port`. A provider's is refused, with a warning in the log."""
        self._registry = registry
        self._places: set[str] = set()
        for place in places:
            provider = provider_of(place, registry)
            if provider is not None:
                logging.getLogger("llmobserve").warning(
                    "llmobserve: propagate_to: %s is a host of %s. Nothing is ever added to requests to providers.",
                    place,
                    provider,
                )
                continue
            host, _, port = place.rpartition(":")
            # A request does not say the port that its scheme has anyway.
            self._places.add(f"{host}:" if host and port in _USUAL_PORTS else place)

    def additions(
        self, method: str, host: str, port: int | None, path: str, present: Callable[[str], str | None]
    ) -> dict[str, str]:
        """Headers to put into a request; nothing for all other hosts, for calls, and where there is nothing to say.

        `host` in lower case, `port` as in `Registry.provider_for`; `present` tells the value of a header by its name in
        lower case, so that what the application or OpenTelemetry has put there stays.
        """
        if host not in self._places and f"{host}:{'' if port is None else port}" not in self._places:
            return {}
        with _ADD:
            provider = self._registry.provider_for(host, port)
            if provider is not None and self._registry.endpoint_for(provider, method.upper(), path) is not None:
                return {}
            snapshot = current()
            if is_outside(snapshot) or snapshot.facts.suppressed:
                return {}
            said = headers_of(snapshot)
            if present("traceparent") is not None:
                del said["traceparent"]
            known, ours = present("baggage"), said.get("baggage")
            if known is not None and ours is not None:
                if _OURS in known:
                    del said["baggage"]
                elif known.strip():
                    said["baggage"] = f"{known},{ours}"
            return said
        return {}


def provider_of(place: str, registry: Registry) -> str | None:
    """Name of the provider whose host this is; `None` for all others.

    This machine is nobody's, whatever usually listens at one of its ports: what is a call there is told by its path.
    """
    host, port = place, None
    before, colon, after = place.rpartition(":")
    if colon and after.isdigit():
        host, port = before, None if after in _USUAL_PORTS else int(after)
    provider = registry.provider_for(host, port)
    if provider is None:
        return None
    if host in LOOPBACK and provider.name == name_at(host, port):
        site = SITES[provider.name]
        return None if port is None or port not in site.ports else provider.name
    return provider.name
