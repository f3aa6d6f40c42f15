"""Hooks for `pinecone.grpc`, whose requests are sent by native code: every request that an index hands to it.

An index keeps its native channel in an attribute, which is hooked on the class: also for indexes made before
`observe()`. What is handed over mirrors the REST interface, so that the same reader tells the units.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import ModuleType
from typing import Any, cast
from urllib.parse import urlsplit

from llmobserve.capture.engine import Engine
from llmobserve.capture.patching import PatchHealth
from llmobserve.capture.told_calls import begin, run
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.providers.quantities import as_mapping

__all__ = ["PineconeGrpcHooks"]

_LIBRARY = "pinecone.grpc"
_ATTRIBUTE = "_channel"

# Method of the channel → method and path of the REST interface, name of the first argument.
_OPERATIONS: Mapping[str, tuple[str, str, str]] = {
    "query": ("POST", "/query", "topK"),
    "fetch": ("GET", "/vectors/fetch", "ids"),
    "fetch_by_metadata": ("POST", "/vectors/fetch_by_metadata", ""),
    "list": ("GET", "/vectors/list", ""),
    "upsert": ("POST", "/vectors/upsert", "vectors"),
    "update": ("POST", "/vectors/update", "id"),
    "delete": ("POST", "/vectors/delete", ""),
}
_REST_NAMES = {"set_metadata": "setMetadata", "sparse_values": "sparseValues", "upserted_count": "upsertedCount"}


class PineconeGrpcHooks(TransportHooks):
    """Hooks `pinecone.grpc`."""

    def hook(self, module: ModuleType) -> None:
        """Hook the attribute of `GrpcIndex` that holds the native channel."""
        index: Any = getattr(module, "GrpcIndex", None)
        code = getattr(getattr(index, "__init__", None), "__code__", None)
        # Older versions send by grpcio; their class is GRPCIndex.
        known = code is not None and _ATTRIBUTE in code.co_names and not hasattr(index, _ATTRIBUTE)
        if known:
            self.add(cast("type", index), _ATTRIBUTE, self._make_property())
        self.report(
            module.__name__,
            PatchHealth(
                library=_LIBRARY,
                version=None,
                target=f"GrpcIndex.{_ATTRIBUTE}",
                state="active" if known else "missing",
                detail=None if known else f"GrpcIndex has no {_ATTRIBUTE}",
            ),
        )

    def _make_property(self) -> property:
        def channel(index: Any) -> Any:
            held: dict[str, Any] = index.__dict__
            if _ATTRIBUTE not in held:
                raise AttributeError(f"{type(index).__name__!r} object has no attribute {_ATTRIBUTE!r}")
            native = held[_ATTRIBUTE]
            engine = self.engine
            return native if engine is None else _Channel(engine, native, held.get("_host", ""))

        def put(index: Any, native: Any) -> None:
            index.__dict__[_ATTRIBUTE] = native

        def remove(index: Any) -> None:
            del index.__dict__[_ATTRIBUTE]

        return property(channel, put, remove)


class _Channel:
    """Hands calls on to the native channel, and lives as long as one of them."""

    __slots__ = ("_engine", "_host", "_native")

    def __init__(self, engine: Engine, native: Any, host: str) -> None:
        self._engine = engine
        self._native = native
        self._host = host

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._native, name)
        operation = _OPERATIONS.get(name)
        return method if operation is None else partial(self._call, operation, method)

    def _call(self, operation: tuple[str, str, str], method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        http_method, path, first = operation
        host, port = _place(self._host)
        asked = partial(_asked, first, args, kwargs)
        exchange = begin(self._engine, path, asked, library=_LIBRARY, host=host, port=port, method=http_method)
        return run(exchange, partial(method, *args, **kwargs), _renamed)


@lru_cache(maxsize=256)
def _place(host: str) -> tuple[str, int | None]:
    """Host and port of an index, which is given with or without a scheme. The usual port is `None`."""
    parts = urlsplit(host if "://" in host else f"//{host}")
    try:
        return (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "", None


def _asked(first: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The request as it would be over REST."""
    fields = {name: value for name, value in kwargs.items() if value is not None}
    if args:
        fields[first] = args[0]
    return _renamed(fields)


def _renamed(fields: Any) -> dict[str, Any]:
    return {_REST_NAMES.get(name, name): value for name, value in as_mapping(fields).items()}
