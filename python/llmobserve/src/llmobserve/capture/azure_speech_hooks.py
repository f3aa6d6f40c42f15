"""Hooks for the Azure Speech SDK, whose sessions are native code: synthesis, single and continuous recognition.

What it gives back is a future: the call ends when the application asks it for the result.
"""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from llmobserve.capture.exchange import Exchange
from llmobserve.capture.patching import PatchHealth, positional_names
from llmobserve.capture.told_calls import answered, begin, refused, told_so_far
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.guard import guarded

__all__ = ["AzureSpeechHooks"]

_LIBRARY = "azure.cognitiveservices.speech"
_PROVIDER = "azure_speech"
_BEGIN = guarded("capture.begin")
_END = guarded("capture.end")

_SPEAK = "/cognitiveservices/v1"
_RECOGNIZE = "/speech/recognition/conversation/cognitiveservices/v1"
_SPEAKING = {
    "speak_text_async": ("text", False),
    "start_speaking_text_async": ("text", False),
    "speak_ssml_async": ("ssml", True),
    "start_speaking_ssml_async": ("ssml", True),
}
"""Methods that return a future and take a text: the name of the argument, whether it is SSML."""

# Names of `CancellationErrorCode` → status that says the same over REST.
_STATUSES = {
    "AuthenticationFailure": 401,
    "BadRequest": 400,
    "Forbidden": 403,
    "TooManyRequests": 429,
    "ServiceError": 500,
    "ServiceUnavailable": 503,
}


class AzureSpeechHooks(TransportHooks):
    """Hooks `azure.cognitiveservices.speech.speech`."""

    def __init__(self) -> None:
        super().__init__()
        self._futures: WeakKeyDictionary[Any, tuple[Exchange, Callable[[Exchange, Any], None]]] = WeakKeyDictionary()
        self._sessions: WeakKeyDictionary[Any, _Session] = WeakKeyDictionary()

        self._property_ids: Any = None

    def hook(self, module: ModuleType) -> None:
        """Hook what starts a call, and the futures that end it."""
        self._property_ids = getattr(module, "PropertyId", None)
        for name, (argument, is_ssml) in _SPEAKING.items():
            self._hook_one(
                module, "SpeechSynthesizer", name, ("self", argument), functools.partial(self._speak, is_ssml)
            )
        for name, wrap in (
            ("recognize_once_async", self._recognize),
            ("start_continuous_recognition_async", self._start),
        ):
            self._hook_one(module, "SpeechRecognizer", name, ("self",), wrap)
        self._hook_one(module, "ResultFuture", "get", ("self",), self._get)

    def _hook_one(
        self, module: ModuleType, class_name: str, name: str, wanted: tuple[str, ...], wrap: Callable[..., Any]
    ) -> None:
        owner: Any = getattr(module, class_name, None)
        function = getattr(owner, "__dict__", {}).get(name)
        known = callable(function) and positional_names(function) in (None, wanted)
        if known:
            self.replace(cast("type", owner), name, wrap)
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

    def _begin(self, speaker: Any, path: str, asked: Callable[[], Any], kind: str) -> Exchange | None:
        if self.engine is None:
            return None
        with _BEGIN:
            host, port = _place_of(speaker.properties, self._property_ids, kind)
            return begin(
                *(self.engine, path, asked), library=_LIBRARY, host=host, port=port, provider=_PROVIDER, method="POST"
            )
        return None

    def _text_of(self, synthesizer: Any, text: str, is_ssml: bool) -> Any:
        if is_ssml:
            return text
        return {
            "text": text,
            "voice": synthesizer.properties.get_property(self._property_ids.SpeechServiceConnection_SynthVoice),
        }

    def _speak(self, is_ssml: bool, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def speak(synthesizer: Any, /, *args: Any, **kwargs: Any) -> Any:
            text: Any = args[0] if args else next(iter(kwargs.values()), None)
            asked = functools.partial(self._text_of, synthesizer, text, is_ssml)
            exchange = self._begin(synthesizer, _SPEAK, asked, "tts") if isinstance(text, str) else None
            return self._future(exchange, _spoken, original, synthesizer, *args, **kwargs)

        return speak

    def _recognize(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def recognize(recognizer: Any, /) -> Any:
            exchange = self._begin(recognizer, _RECOGNIZE, dict[str, Any], "stt")
            return self._future(exchange, _recognized, original, recognizer)

        return recognize

    def _future(
        self,
        exchange: Exchange | None,
        conclude: Callable[[Exchange, Any], None],
        original: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if exchange is None:
            return original(*args, **kwargs)
        try:
            future = original(*args, **kwargs)
        except BaseException as error:
            exchange.failed(error)
            raise
        with _BEGIN:
            if conclude is _spoken:
                told_so_far(exchange, None)
            self._futures[future] = exchange, conclude
            exchange.watch(future)
        return future

    def _get(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def get(future: Any, /) -> Any:
            known = self._futures.pop(future, None)
            if known is None:
                return original(future)
            exchange, conclude = known
            try:
                result = original(future)
            except BaseException as error:
                exchange.answered_by(None)
                exchange.failed(error)
                raise
            with _END:
                conclude(exchange, result)
            return result

        return get

    def _start(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def start(recognizer: Any, /) -> Any:
            exchange = self._begin(recognizer, _RECOGNIZE, dict[str, Any], "stt")
            if exchange is not None:
                with _BEGIN:
                    session = self._sessions.get(recognizer)
                    if session is None:
                        session = self._sessions[recognizer] = _Session(recognizer)
                    session.begin(exchange)
                    exchange.watch(recognizer)
            return original(recognizer)

        return start


class _Session:
    """Continuous recognition: from its start to the event that it has stopped. One for each recognizer.

    The events come in threads of the library.
    """

    def __init__(self, recognizer: Any) -> None:
        self._exchange: Exchange | None = None
        self._ticks = 0
        self._error: Any = None
        # Signals do not let go of single callbacks, so they are connected once.
        recognizer.recognized.connect(self._heard)
        recognizer.canceled.connect(self._canceled)
        recognizer.session_stopped.connect(self._stopped)

    def begin(self, exchange: Exchange) -> None:
        """The next session of this recognizer."""
        self._ticks, self._error, self._exchange = 0, None, exchange

    def _heard(self, event: Any) -> None:
        with _END:
            exchange = self._exchange
            if exchange is not None:
                self._ticks = max(self._ticks, event.result.offset + event.result.duration)
                told_so_far(exchange, {"Duration": self._ticks})

    def _canceled(self, event: Any) -> None:
        with _END:
            self._error = _error_in(event.cancellation_details)

    def _stopped(self, _: Any) -> None:
        with _END:
            exchange, self._exchange = self._exchange, None
            if exchange is None:
                return
            if self._error is None or self._ticks:
                answered(exchange, {"Duration": self._ticks} if self._ticks else {})
            else:
                _refuse(exchange, self._error)


def _spoken(exchange: Exchange, result: Any) -> None:
    error = _error_in(result.cancellation_details) if result.reason.name == "Canceled" else None
    if error is None:
        answered(exchange, None)
    else:
        _refuse(exchange, error)


def _recognized(exchange: Exchange, result: Any) -> None:
    error = _error_in(result.cancellation_details) if result.reason.name == "Canceled" else None
    if error is None:
        body = {"Offset": result.offset, "Duration": result.duration, "DisplayText": getattr(result, "text", None)}
        answered(exchange, body)
    else:
        _refuse(exchange, error)


def _error_in(details: Any) -> tuple[str, str | None] | None:
    """Code and text of what went wrong; `None` where only the audio had ended."""
    if details is None or details.reason.name != "Error":
        return None
    code = getattr(details, "code", None) or getattr(details, "error_code", None)
    return getattr(code, "name", "Error"), details.error_details


def _refuse(exchange: Exchange, error: tuple[str, str | None]) -> None:
    refused(exchange, *error, http_status=_STATUSES.get(error[0]))


def _place_of(properties: Any, ids: Any, kind: str) -> tuple[str, int | None]:
    """Where the service is, by the region or by the address that was given."""
    region = properties.get_property(ids.SpeechServiceConnection_Region)
    if region:
        return f"{region.lower()}.{kind}.speech.microsoft.com", None
    address = properties.get_property(ids.SpeechServiceConnection_Endpoint)
    parts = urlsplit(str(address or properties.get_property(ids.SpeechServiceConnection_Host)))
    return (parts.hostname or _LIBRARY).lower(), parts.port
