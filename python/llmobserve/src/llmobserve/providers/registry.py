"""Finds the provider and endpoint of a request, and loads a provider's file when the first request goes there."""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from llmobserve.guard import guarded
from llmobserve.providers.base import Endpoint, Provider
from llmobserve.providers.hosts import SITES, name_at

if TYPE_CHECKING:
    from llmobserve.providers.sockets import SocketEndpoint

__all__ = ["PROVIDER_NAMES", "Registry", "load_provider"]

PROVIDER_NAMES: tuple[str, ...] = tuple(SITES)
"""Every provider this version knows."""

_REMEMBERED_HOSTS = 4096
_LOAD = guarded("providers.load")


@cache
def load_provider(name: str) -> Provider:
    """The provider of one of the `PROVIDER_NAMES`. Raises ValueError for any other name."""
    if name not in SITES:
        raise ValueError(f"unknown provider {name!r}; known are {', '.join(sorted(SITES))}")
    provider: Provider = import_module(f"llmobserve.providers.{name}").PROVIDER
    return provider


class Registry:
    """Hosts of the known providers, and of the hosts that the user declares. One dict look-up for a host seen before.

    No provider is loaded before a request goes to it.
    """

    def __init__(self, declared: Mapping[str, str] | None = None) -> None:
        """`declared` maps `host` or `host:port` to a provider name; an unknown name raises ValueError."""
        self._declared: dict[str, str] = {}
        for host, name in (declared or {}).items():
            if name not in SITES:
                known = ", ".join(sorted(SITES))
                raise ValueError(f"hosts: {host!r} names the unknown provider {name!r}; known are {known}")
            self._declared[host.lower()] = name
        self._found: dict[str, Provider | None] = {}

    def provider_for(self, host: str, port: int | None = None) -> Provider | None:
        """The provider at a lower-case host, `None` when it is none of ours. `port` is the one in the URL, if any."""
        place = host if port is None else f"{host}:{port}"
        try:
            return self._found[place]
        except KeyError:
            return self._look_up(place, host, port)

    def _look_up(self, place: str, host: str, port: int | None) -> Provider | None:
        found: Provider | None = None
        with _LOAD:
            name = self._declared.get(place) or self._declared.get(host) or name_at(host, port)
            found = None if name is None else load_provider(name)
            if len(self._found) >= _REMEMBERED_HOSTS:
                self._found.clear()
            self._found[place] = found
        return found

    @staticmethod
    @lru_cache(maxsize=256)
    def endpoint_for(provider: Provider, method: str, path: str) -> "tuple[Endpoint, re.Match[str]] | None":
        """The endpoint that a request addresses, `None` when it is not a priced one."""
        for endpoint in provider.endpoints:
            if method in endpoint.methods:
                match = endpoint.path.fullmatch(path)
                if match is not None:
                    return endpoint, match
        return None

    @staticmethod
    def socket_for(provider: Provider, path: str) -> "tuple[SocketEndpoint, re.Match[str]] | None":
        """The session that a WebSocket handshake opens, `None` when it is not a priced one."""
        for endpoint in provider.sockets:
            match = endpoint.path.fullmatch(path)
            if match is not None:
                return endpoint, match
        return None
