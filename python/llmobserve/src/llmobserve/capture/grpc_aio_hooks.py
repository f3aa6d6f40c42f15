"""Hooks for grpc.aio, where each call on the wire is made: below the interceptors, one object a call.

The call stays the library's own. Messages are seen as they are decoded, the end by the callback that its core has.
"""

import functools
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal

from llmobserve.capture.exchange import Exchange
from llmobserve.capture.grpc_calls import Places, answer_of, arrived, conclude, headers_of, succeeded
from llmobserve.capture.grpc_status import DROPPED, OK
from llmobserve.capture.messages import Messages
from llmobserve.capture.patching import PatchHealth, positional_names
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.guard import guarded

__all__ = ["GrpcAioHooks"]

_BEGIN = guarded("capture.begin")
_ATTACH = guarded("capture.attach")
_END = guarded("capture.end")

# Class, whether the request is a stream, whether the answer is one.
_CALLS = (
    ("UnaryUnaryCall", False, False),
    ("UnaryStreamCall", False, True),
    ("StreamUnaryCall", True, False),
    ("StreamStreamCall", True, True),
)
_MIDDLE = ("deadline", "metadata", "credentials", "wait_for_ready", "channel", "method", "request_serializer")
_PARAMETERS = (*_MIDDLE, "response_deserializer", "loop")
_CHANNEL, _METHOD, _DESERIALIZER = 5, 6, 8
"""Places among the arguments, `self` left out."""


class GrpcAioHooks(TransportHooks):
    """Hooks `grpc.aio._call`, and `grpc.aio._channel` where channels do not tell their target."""

    def __init__(self) -> None:
        super().__init__()
        self._places = Places()
        self._channels: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def hook(self, module: ModuleType) -> None:
        """Hook the makers of calls, or of channels."""
        if hasattr(module, "UnaryUnaryMultiCallable"):
            if not hasattr(module.cygrpc.AioChannel, "target"):  # grpcio 1.78
                self.replace(module.Channel, "__init__", self._wrap_channel)
                self._report(module, "Channel.__init__", "degraded", "channels made before observe() are not seen")
            return
        for class_name, sends_stream, stream in _CALLS:
            owner: Any = getattr(module, class_name, None)
            function = getattr(owner, "__dict__", {}).get("__init__")
            names = positional_names(function) if callable(function) else ()
            known = names is None or names[2 : 2 + len(_PARAMETERS)] == _PARAMETERS
            if known:
                self.replace(owner, "__init__", functools.partial(self._wrap_call, sends_stream, stream))
                self._report(module, f"{class_name}.__init__", "active")
            else:
                self._report(module, f"{class_name}.__init__", "missing", "its parameters are not as expected")

    def _report(
        self,
        module: ModuleType,
        target: str,
        state: Literal["active", "degraded", "missing"],
        detail: str | None = None,
    ) -> None:
        health = PatchHealth(library="grpc.aio", version=None, target=target, state=state, detail=detail)
        self.report(module.__name__, health)

    def _wrap_channel(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def init(channel: Any, /, *args: Any, **kwargs: Any) -> None:
            original(channel, *args, **kwargs)
            with _ATTACH:
                channel.llmobserve_target = args[0] if args else kwargs["target"]
                self._channels[id(channel._channel)] = channel

        return init

    def _wrap_call(self, sends_stream: bool, stream: bool, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def init(call: Any, /, *args: Any, **kwargs: Any) -> None:
            exchange = self._begin(sends_stream, args)
            if exchange is None:
                original(call, *args, **kwargs)
                return
            answer = answer_of(exchange, stream=stream)
            tee = _tee(exchange, answer, args[_DESERIALIZER], stream=stream)
            try:
                original(call, *args[:_DESERIALIZER], tee, *args[_DESERIALIZER + 1 :], **kwargs)
            except BaseException as error:
                exchange.failed(error)
                raise
            with _ATTACH:
                exchange.watch(call)
                call._cython_call.add_done_callback(functools.partial(_done, exchange, answer, weakref.ref(call)))

        return init

    def _begin(self, sends_stream: bool, args: tuple[Any, ...]) -> Exchange | None:
        engine = self.engine
        if engine is None or len(args) <= _DESERIALIZER:
            return None
        with _BEGIN:
            target = self._target_of(args[_CHANNEL])
            if target is not None:
                return self._places.begin(engine, target, args[_METHOD], None if sends_stream else args[0])
        return None

    def _target_of(self, channel: Any) -> bytes | str | None:
        """`None` for a channel that does not tell and was made before it was watched."""
        target = getattr(channel, "target", None)
        if target is not None:
            return target
        return getattr(self._channels.get(id(channel)), "llmobserve_target", None)


def _tee(exchange: Exchange, answer: Messages, decode: Callable[[bytes], Any] | None, *, stream: bool) -> Any:
    """Decodes a message as the library would, and shows it to the exchange."""

    def deserialize(data: bytes) -> Any:
        try:
            message = data if decode is None else decode(data)
        except BaseException as error:
            exchange.failed(error)
            raise
        with _END:
            arrived(exchange, answer, message)
            if not stream:
                answer.take_end(exchange.response_headers)
                exchange.exhausted()
        return message

    return deserialize


def _done(exchange: Exchange, answer: Messages, reference: "weakref.ref[Any]") -> None:
    """A call has its status. That of a single message comes before the message."""
    call = reference()
    if call is None:
        return
    with _END:
        core = call._cython_call
        status = core._status
        initial, details = core._initial_metadata, status.details()
        if status.code() == OK:
            if answer.mode == "stream":
                succeeded(exchange, answer, None, initial, status.trailing_metadata())
                exchange.exhausted()
            else:
                exchange.response_headers = headers_of(initial, status.trailing_metadata())
        elif details != DROPPED:
            conclude(exchange, answer, status.code(), details, initial, status.trailing_metadata())
