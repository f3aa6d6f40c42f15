"""Hooks for grpcio's synchronous channels, at the objects that make calls: also for stubs made before `observe()`.

Channels with interceptors end at the same objects, once for each call on the wire. What is returned stays the library's
own: a stream has its step replaced by one that looks at each message, and a future is asked when it is done.
"""

import functools
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

from llmobserve.capture.exchange import Exchange
from llmobserve.capture.grpc_calls import Places, answer_of, arrived, conclude, succeeded
from llmobserve.capture.grpc_status import DROPPED, OK
from llmobserve.capture.messages import Messages
from llmobserve.capture.patching import PatchHealth, positional_names
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.guard import guarded

__all__ = ["GrpcHooks"]

_BEGIN = guarded("capture.begin")
_ATTACH = guarded("capture.attach")
_END = guarded("capture.end")

# Class, methods that block, methods that return a future, methods that return a stream, whether the request is one.
_CALLABLES = (
    ("_UnaryUnaryMultiCallable", ("__call__", "with_call"), ("future",), (), False),
    ("_StreamUnaryMultiCallable", ("__call__", "with_call"), ("future",), (), True),
    ("_UnaryStreamMultiCallable", (), (), ("__call__",), False),
    ("_SingleThreadedUnaryStreamMultiCallable", (), (), ("__call__",), False),
    ("_StreamStreamMultiCallable", (), (), ("__call__",), True),
)


class GrpcHooks(TransportHooks):
    """Hooks `grpc._channel`."""

    def __init__(self) -> None:
        super().__init__()
        self._places = Places()

    def hook(self, module: ModuleType) -> None:
        """Hook every way to make a call."""
        for class_name, blocking, futures, streams, sends_stream in _CALLABLES:
            owner = getattr(module, class_name, None)
            for names, wrap in ((blocking, self._blocking), (futures, self._future), (streams, self._stream)):
                for name in names:
                    self._hook_one(module, owner, class_name, name, functools.partial(wrap, name, sends_stream))

    def _hook_one(self, module: ModuleType, owner: Any, class_name: str, name: str, wrap: Callable[..., Any]) -> None:
        function = getattr(owner, "__dict__", {}).get(name)
        names = positional_names(function) if callable(function) else ()
        known = names is None or (names[:1] == ("self",) and names[1:2] in (("request",), ("request_iterator",)))
        if known:
            self.replace(cast("type", owner), name, wrap)
        self.report(
            module.__name__,
            PatchHealth(
                library="grpc",
                version=None,
                target=f"{class_name}.{name}",
                state="active" if known else "missing",
                detail=None if known else f"{name} is not as expected",
            ),
        )

    def _begin(self, multi: Any, sends_stream: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exchange | None:
        engine = self.engine
        if engine is None:
            return None
        with _BEGIN:
            message = None if sends_stream else args[0] if args else kwargs.get("request")
            return self._places.begin(engine, multi._target, multi._method, message)
        return None

    def _blocking(self, name: str, sends_stream: bool, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(multi: Any, /, *args: Any, **kwargs: Any) -> Any:
            exchange = self._begin(multi, sends_stream, args, kwargs)
            if exchange is None:
                return original(multi, *args, **kwargs)
            try:
                result = original(multi, *args, **kwargs)
            except BaseException as error:
                _failed(exchange, answer_of(exchange, stream=False), error)
                raise
            with _END:
                message, ended = result if name == "with_call" else (result, None)
                _succeeded(exchange, answer_of(exchange, stream=False), message, ended)
            return result

        return call

    def _future(self, name: str, sends_stream: bool, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(multi: Any, /, *args: Any, **kwargs: Any) -> Any:
            exchange = self._begin(multi, sends_stream, args, kwargs)
            if exchange is None:
                return original(multi, *args, **kwargs)
            answer = answer_of(exchange, stream=False)
            try:
                future = original(multi, *args, **kwargs)
            except BaseException as error:
                _failed(exchange, answer, error)
                raise
            with _ATTACH:
                _call_back(_future_done, exchange, answer, future)
            return future

        return call

    def _stream(self, name: str, sends_stream: bool, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(multi: Any, /, *args: Any, **kwargs: Any) -> Any:
            exchange = self._begin(multi, sends_stream, args, kwargs)
            if exchange is None:
                return original(multi, *args, **kwargs)
            answer = answer_of(exchange, stream=True)
            try:
                stream = original(multi, *args, **kwargs)
            except BaseException as error:
                _failed(exchange, answer, error)
                raise
            with _ATTACH:
                stream._next = _tee(exchange, answer, stream)
                _call_back(_stream_done, exchange, answer, stream)
            return stream

        return call


def _call_back(done: Callable[..., None], exchange: Exchange, answer: Messages, call: Any) -> None:
    """Have `done` called when the call has ended, without keeping its object: to drop that is to cancel the call."""
    exchange.watch(call)
    callback = functools.partial(done, exchange, answer, weakref.ref(call))
    if not call.add_callback(callback):
        callback()


def _succeeded(exchange: Exchange, answer: Messages, message: Any, ended: Any) -> None:
    """`ended`: the object of the call; `None` where the application gets none."""
    state = getattr(ended, "_state", None)
    metadata = (None, None) if state is None else (state.initial_metadata, state.trailing_metadata)
    succeeded(exchange, answer, message, *metadata)
    exchange.exhausted()


def _failed(exchange: Exchange, answer: Messages, error: BaseException) -> None:
    """Calls and errors have the same state in grpcio; other exceptions are not the server's."""
    state = getattr(error, "_state", None)
    code = getattr(state, "code", None)
    if state is None or code is None:
        exchange.failed(error)
        return
    with _END:
        details = state.details.decode("utf-8", "replace") if isinstance(state.details, bytes) else state.details
        conclude(exchange, answer, code.value[0], details, state.initial_metadata, state.trailing_metadata)


def _tee(exchange: Exchange, answer: Messages, stream: Any) -> Callable[[], Any]:
    """The step of a stream, for its instance. It must not hold the stream, which then would never be dropped."""
    reference = weakref.ref(stream)
    step: Callable[[Any], Any] = cast("Any", type(stream))._next

    def next_message() -> Any:
        call = reference()
        answer.is_awaited = True
        try:
            message = step(call)
        except StopIteration:
            with _END:
                _succeeded(exchange, answer, None, call)
            raise
        except BaseException as error:
            _failed(exchange, answer, error)
            raise
        with _END:
            arrived(exchange, answer, message)
        answer.is_awaited = False
        return message

    return next_message


def _future_done(exchange: Exchange, answer: Messages, reference: "weakref.ref[Any]") -> None:
    """A future has its result. Called in a thread of the channel."""
    future = reference()
    if future is None:
        return
    with _END:
        state = future._state
        if state.code is not None and state.code.value[0] == OK:
            _succeeded(exchange, answer, state.response, future)
        elif state.details != DROPPED:
            _failed(exchange, answer, future)


def _stream_done(exchange: Exchange, answer: Messages, reference: "weakref.ref[Any]") -> None:
    """A stream has its status. A good one is noted only: the application may still have messages to read.

    Called in a thread of the channel: what the application waits for right now it gets in its own.
    """
    stream = reference()
    if stream is None:
        return
    with _END:
        state = stream._state
        if state.code is not None and state.code.value[0] == OK:
            succeeded(exchange, answer, None, state.initial_metadata, state.trailing_metadata)
        elif state.details != DROPPED and not answer.is_awaited:
            _failed(exchange, answer, stream)
