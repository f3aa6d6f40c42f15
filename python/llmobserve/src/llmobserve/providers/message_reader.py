"""Base of the readers of WebSocket sessions: decodes only the messages that can matter, and hands over charges."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from llmobserve.providers.base import ProviderRequest, Reading
from llmobserve.providers.quantities import as_mapping
from llmobserve.providers.sockets import Charge, SessionEnd

__all__ = ["MessageReader", "audio_seconds", "base64_bytes", "decoded", "now_ns"]

_LARGEST_BYTES = 8 * 1024 * 1024
_BYTES_PER_SAMPLE = {"pcm": 2, "linear16": 2, "pcm_s16le": 2, "linear32": 4, "mulaw": 1, "ulaw": 1, "alaw": 1}
_NO_CHARGES: Sequence[Charge] = ()


def decoded(text: bytes) -> Mapping[str, Any]:
    """The JSON object of a message; an empty one when it is none or larger than 8 MB."""
    if len(text) > _LARGEST_BYTES:
        return {}
    try:
        return as_mapping(json.loads(text))
    except (ValueError, RecursionError):
        return {}


def base64_bytes(text: bytes, key: re.Pattern[bytes]) -> int:
    """Size of the media in the base64 string after `key`, which matches up to the opening quote; 0 without one."""
    match = key.search(text)
    if match is None:
        return 0
    end = text.find(b'"', match.end())
    if end < 0:
        return 0
    padding = 2 if text[end - 2 : end] == b"==" else int(text[end - 1 : end] == b"=")
    return (end - match.end()) * 3 // 4 - padding


def audio_seconds(
    size_bytes: int, encoding: str | None, sample_rate: str | int | None, channels: int = 1
) -> Decimal | None:
    """Length of uncompressed audio; `None` for other encodings or an unknown rate."""
    width = _BYTES_PER_SAMPLE.get(encoding or "")
    rate = (
        int(sample_rate)
        if isinstance(sample_rate, str) and sample_rate.isascii() and sample_rate.isdigit()
        else sample_rate
    )
    if width is None or not isinstance(rate, int) or rate <= 0:
        return None
    return Decimal(size_bytes) / (width * rate * max(channels, 1))


class MessageReader:
    """Base of such readers. A subclass says which messages matter, takes them, and calls `hand_over`."""

    wanted: "re.Pattern[bytes] | None" = None
    """Found in every received message that has to be decoded."""
    wanted_sent: "re.Pattern[bytes] | None" = None
    """The same for sent messages."""
    skipped: "re.Pattern[bytes] | None" = None
    """Found at the very start of received messages that need no look: media in text."""

    def __init__(
        self, request: ProviderRequest, match: "re.Match[str]", answer_headers: Mapping[str, str], *, want_content: bool
    ) -> None:
        self.request = request
        self.query = request.query
        self.match = match
        self.answer_headers = answer_headers
        self.want_content = want_content
        self._charges: list[Charge] = []

    def sent(self, text: bytes, place: Callable[[], Any]) -> Sequence[Charge]:
        """Take a text message to the provider."""
        if self.wanted_sent is None or self.wanted_sent.search(text) is None:
            return _NO_CHARGES
        message = decoded(text)
        if message:
            self.take_sent(message, place)
        return self._handed_over()

    def received(self, text: bytes) -> Sequence[Charge]:
        """Take a text message from the provider."""
        self.look(text)
        if self.skipped is not None and self.skipped.match(text) is not None:
            return _NO_CHARGES
        if self.wanted is None or self.wanted.search(text) is None:
            return _NO_CHARGES
        message = decoded(text)
        if message:
            self.take(message)
        return self._handed_over()

    def ended(self, end: SessionEnd) -> Sequence[Charge]:
        """Take the end."""
        self.finish(end)
        return self._handed_over()

    def blank(self) -> Reading:
        """What is known of the session without any usage."""
        return Reading()

    def look(self, text: bytes) -> None:
        """See every received message before it is decided whether it is decoded. Has to be cheap."""

    def take(self, message: Mapping[str, Any]) -> None:
        """Take a wanted message from the provider."""

    def take_sent(self, message: Mapping[str, Any], place: Callable[[], Any]) -> None:
        """Take a wanted message to the provider."""

    def finish(self, end: SessionEnd) -> None:
        """Hand over what is left."""

    def hand_over(self, charge: Charge) -> None:
        """Give a charge to whoever drives this reader."""
        self._charges.append(charge)

    def _handed_over(self) -> Sequence[Charge]:
        if not self._charges:
            return _NO_CHARGES
        charges, self._charges = self._charges, []
        return charges


def now_ns() -> int:
    """The clock of `Charge.start_ns`."""
    return time.perf_counter_ns()
