"""Where batches go: from the settings to a transport, and from the scheme of an address to the class that serves it."""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any
from urllib.parse import urlsplit

from llmobserve.settings import SettingError, Settings
from llmobserve.transport.base import Transport

__all__ = ["storage_transport", "target_of", "transport_for"]

_OWN = {
    "parquet": "llmobserve.backends.parquet:ParquetBackend",
    "postgres": "llmobserve.backends.postgresql:PostgresqlBackend",
    "postgresql": "llmobserve.backends.postgresql:PostgresqlBackend",
}
_BACKENDS, _TRANSPORTS = "llmobserve.backends", "llmobserve.transports"
"""Groups of entry points: of classes that store events, and of those that carry whole batches elsewhere (a queue)."""


def transport_for(settings: Settings) -> Transport:
    """The way to the collector, or to storage where a backend is set.

    Raises:
        SettingError: the backend cannot be used.
    """
    if settings.backend is not None:
        return storage_transport(settings.backend)
    from llmobserve.transport.http import HttpTransport

    return HttpTransport(settings.collector_url, settings.api_key)


def target_of(settings: Settings) -> str:
    """Where records go, as it may be shown: without a password."""
    return settings.collector_url if settings.backend is None else shown(settings.backend)


def shown(address: str) -> str:
    """An address without user, password and query, where it has any."""
    if "://" not in address:
        return address
    try:
        parts = urlsplit(address)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    except ValueError:
        return address.partition("://")[0]


def storage_transport(address: str) -> Transport:
    """What hands batches to the backend, or other transport, of this address. Nothing is opened yet.

    Raises:
        SettingError: no backend serves the address, or a library is missing; the message says what to do.
    """
    scheme = address.partition(":")[0]
    if scheme in _OWN:
        module, _, name = _OWN[scheme].partition(":")
        return _stored(getattr(import_module(module), name), address)
    for group, make in ((_BACKENDS, _stored), (_TRANSPORTS, _made)):
        for entry in entry_points(group=group):
            if entry.name == scheme:
                return make(_loaded(entry, address), address)
    known = sorted({*_OWN, *(entry.name for group in (_BACKENDS, _TRANSPORTS) for entry in entry_points(group=group))})
    raise SettingError(f"llmobserve: no backend is known for {scheme}: — there are {', '.join(known)}.")


def _stored(make: Callable[[str], Any], address: str) -> Transport:
    from llmobserve.backends.delivery import BackendTransport

    return BackendTransport(_made(make, address))


def _made(make: Callable[[str], Any], address: str) -> Any:
    try:
        return make(address)
    except ValueError as error:
        raise SettingError(f"llmobserve: backend cannot be {shown(address)!r}: give {error}.") from None
    except ImportError as error:
        raise SettingError(f"llmobserve: backend {shown(address)} needs a library: {error}") from None


def _loaded(entry: EntryPoint, address: str) -> Callable[[str], Any]:
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise SettingError(f"llmobserve: the backend of {shown(address)} cannot be loaded: {error}") from None
