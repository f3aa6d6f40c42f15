"""Hooks for redis: vector searches among the commands of clients, pipelines and clusters."""

import functools
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from llmobserve.capture.exchange import Exchange
from llmobserve.capture.patching import PatchHealth, positional_names
from llmobserve.capture.told_calls import answered, begin, run, run_async
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.guard import guarded

__all__ = ["RedisHooks"]

_LIBRARY = "redis"
_BEGIN = guarded("capture.begin")
_END = guarded("capture.end")
_USUAL_PORT = 6379

_TEXT_COMMANDS = frozenset({"FT.SEARCH", "FT.AGGREGATE"})
"""Vector searches only by what the query says."""
_VECTOR_COMMANDS = frozenset({"FT.HYBRID", "VADD", "VSIM"})
_COMMANDS = {name: name for name in (*_TEXT_COMMANDS, *_VECTOR_COMMANDS)}
_COMMANDS.update({name.lower(): name for name in _COMMANDS})
_VECTOR_CLAUSES = ("KNN ", "VECTOR_RANGE ")
"""https://redis.io/docs/latest/develop/ai/search-and-query/query/vector-search/, read 2026-11-21."""

# Module → its class of clients, its class of pipelines, and whether they are awaited.
_CLASSES = {
    "redis.client": ("Redis", "Pipeline", False),
    "redis.asyncio.client": ("Redis", "Pipeline", True),
    "redis.cluster": ("RedisCluster", "ClusterPipeline", False),
    "redis.asyncio.cluster": ("RedisCluster", "ClusterPipeline", True),
}


def _command_of(args: Sequence[Any]) -> str | None:
    """The vector command that these arguments are, `None` when they are another one."""
    name = args[0] if args else None
    command = _COMMANDS.get(name) if isinstance(name, str) else None
    if command is None or command in _VECTOR_COMMANDS:
        return command
    query = args[2] if len(args) > 2 else ""
    text = query.decode("utf-8", "replace") if isinstance(query, bytes) else query
    return command if isinstance(text, str) and any(clause in text.upper() for clause in _VECTOR_CLAUSES) else None


class RedisHooks(TransportHooks):
    """Hooks `redis.client`, `redis.cluster` and their twins in `redis.asyncio`."""

    def hook(self, module: ModuleType) -> None:
        """Hook the sending of a command and of a pipeline."""
        client, pipeline, is_async = _CLASSES[module.__name__]
        wrap = self._async_command if is_async else self._command
        self._hook_one(module, client, "execute_command", wrap)
        wrap = self._async_pipeline if is_async else self._pipeline
        self._hook_one(module, pipeline, "execute", wrap)

    def _hook_one(self, module: ModuleType, class_name: str, name: str, wrap: Callable[..., Any]) -> None:
        owner: Any = getattr(module, class_name, None)
        function = getattr(owner, "__dict__", {}).get(name)
        names = positional_names(function) if callable(function) else ()
        known = names is None or names[:1] == ("self",)
        if known:
            self.replace(owner, name, wrap)
        self.report(
            module.__name__,
            PatchHealth(
                library=_LIBRARY,
                version=None,
                target=f"{class_name}.{name}",
                state="active" if known else "missing",
                detail=None if known else f"{name} is not as expected",
            ),
        )

    def _begin(self, client: Any, args: Sequence[Any]) -> Exchange | None:
        if self.engine is None:
            return None
        with _BEGIN:
            command = _command_of(args)
            if command is not None:
                host, port = _place_of(client)
                asked = functools.partial(list[Any], args[:3])
                return begin(
                    self.engine, f"/{command}", asked, library=_LIBRARY, host=host, port=port, provider="redis"
                )
        return None

    def _begin_all(self, pipeline: Any) -> list[tuple[int, Exchange]]:
        """The vector searches in a pipeline, by their position."""
        begun: list[tuple[int, Exchange]] = []
        if self.engine is None:
            return begun
        with _BEGIN:
            for position, args in enumerate(_stack_of(pipeline)):
                exchange = self._begin(pipeline, args)
                if exchange is not None:
                    begun.append((position, exchange))
        return begun

    def _command(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def execute_command(client: Any, /, *args: Any, **options: Any) -> Any:
            if not (args and type(args[0]) is str and args[0] in _COMMANDS):  # all that other commands cost
                return original(client, *args, **options)
            exchange = self._begin(client, args)
            return run(exchange, functools.partial(original, client, *args, **options), _nothing)

        return execute_command

    def _async_command(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def execute_command(client: Any, /, *args: Any, **options: Any) -> Any:
            if not (args and type(args[0]) is str and args[0] in _COMMANDS):
                return await original(client, *args, **options)
            exchange = self._begin(client, args)
            return await run_async(exchange, functools.partial(original, client, *args, **options), _nothing)

        return execute_command

    def _pipeline(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def execute(pipeline: Any, /, *args: Any, **kwargs: Any) -> Any:
            begun = self._begin_all(pipeline)
            try:
                results = original(pipeline, *args, **kwargs)
            except BaseException as error:
                _all_failed(begun, error)
                raise
            _all_answered(begun, results)
            return results

        return execute

    def _async_pipeline(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def execute(pipeline: Any, /, *args: Any, **kwargs: Any) -> Any:
            begun = self._begin_all(pipeline)
            try:
                results = await original(pipeline, *args, **kwargs)
            except BaseException as error:
                _all_failed(begun, error)
                raise
            _all_answered(begun, results)
            return results

        return execute


def _nothing(_: Any) -> dict[str, Any]:
    """Answers say nothing about the charge."""
    return {}


def _all_failed(begun: list[tuple[int, Exchange]], error: BaseException) -> None:
    for _, exchange in begun:
        exchange.failed(error)


def _all_answered(begun: list[tuple[int, Exchange]], results: Any) -> None:
    for position, exchange in begun:
        with _END:
            result = results[position]
            if isinstance(result, Exception):
                exchange.failed(result)
            else:
                answered(exchange, {})


def _stack_of(pipeline: Any) -> list[Sequence[Any]]:
    """The arguments of the commands that a pipeline holds."""
    strategy = getattr(pipeline, "_execution_strategy", None)  # of clusters
    stack: Any = pipeline.command_stack if strategy is None else strategy._command_queue
    return [one.args if hasattr(one, "args") else one[0] for one in stack]


def _place_of(client: Any) -> tuple[str, int | None]:
    """Host and port of a client; of a cluster one of its nodes. The usual port is `None`."""
    node = client.get_default_node() if hasattr(client, "get_default_node") else None
    if node is not None:
        host, port = node.host, node.port
    else:
        settings = getattr(getattr(client, "connection_pool", None), "connection_kwargs", {})
        host, port = settings.get("host") or settings.get("path") or "redis", settings.get("port")
    return str(host).lower(), None if port in (None, _USUAL_PORT) else int(port)
