"""Hooks for pymongo: aggregations with a search stage, at the connections that send them.

A `CommandListener` would see only the clients that are made after it was registered.
"""

import functools
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, cast

from llmobserve.capture.exchange import Exchange
from llmobserve.capture.patching import PatchHealth, positional_names
from llmobserve.capture.told_calls import begin, run, run_async
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.guard import guarded

__all__ = ["PymongoHooks"]

_LIBRARY = "pymongo"
_BEGIN = guarded("capture.begin")
_USUAL_PORT = 27017
_STAGES = {
    "$vectorSearch": "vector_search",
    "$search": "search",
    "$searchMeta": "search",
    "$rankFusion": "hybrid_search",
    "$scoreFusion": "hybrid_search",
}
"""A search stage is the first one of its pipeline."""
_CLASSES = {
    "pymongo.synchronous.pool": ("Connection", False),
    "pymongo.asynchronous.pool": ("AsyncConnection", True),
}


class PymongoHooks(TransportHooks):
    """Hooks the connections of pymongo, which motor uses too."""

    def hook(self, module: ModuleType) -> None:
        """Hook the sending of a command."""
        class_name, is_async = _CLASSES[module.__name__]
        owner: Any = getattr(module, class_name, None)
        function = getattr(owner, "__dict__", {}).get("command")
        names = positional_names(function) if callable(function) else ()
        known = names is None or names[:3] == ("self", "dbname", "spec")
        if known:
            self.replace(owner, "command", self._async if is_async else self._sync)
        self.report(
            module.__name__,
            PatchHealth(
                library=_LIBRARY,
                version=None,
                target=f"{class_name}.command",
                state="active" if known else "missing",
                detail=None if known else "command is not as expected",
            ),
        )

    def _begin(self, connection: Any, spec: Any) -> Exchange | None:
        if self.engine is None:
            return None
        with _BEGIN:
            operation = _search_in(spec)
            if operation is not None:
                host, port = connection.address
                return begin(
                    self.engine,
                    f"/aggregate/{operation}",
                    functools.partial(_collection_of, spec),
                    library=_LIBRARY,
                    host=str(host).lower(),
                    port=None if port in (None, _USUAL_PORT) else int(port),
                    provider="mongodb",
                )
        return None

    def _sync(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def command(connection: Any, /, dbname: Any, spec: Any, *args: Any, **kwargs: Any) -> Any:
            exchange = self._begin(connection, spec) if "aggregate" in spec else None
            if exchange is None:
                return original(connection, dbname, spec, *args, **kwargs)
            return run(exchange, functools.partial(original, connection, dbname, spec, *args, **kwargs), _nothing)

        return command

    def _async(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def command(connection: Any, /, dbname: Any, spec: Any, *args: Any, **kwargs: Any) -> Any:
            exchange = self._begin(connection, spec) if "aggregate" in spec else None
            if exchange is None:
                return await original(connection, dbname, spec, *args, **kwargs)
            call = functools.partial(original, connection, dbname, spec, *args, **kwargs)
            return await run_async(exchange, call, _nothing)

        return command


def _nothing(_: Any) -> dict[str, Any]:
    """Answers say nothing about the charge."""
    return {}


def _collection_of(spec: Any) -> dict[str, str]:
    return {"aggregate": str(spec["aggregate"])}


def _search_in(spec: Any) -> str | None:
    """What kind of search an aggregation begins with; `None` when it begins with another stage."""
    pipeline = spec.get("pipeline")
    first: Any = cast("list[Any]", pipeline)[0] if isinstance(pipeline, list) and pipeline else None
    if not isinstance(first, Mapping):
        return None
    return next((_STAGES[stage] for stage in cast("Mapping[Any, Any]", first) if stage in _STAGES), None)
