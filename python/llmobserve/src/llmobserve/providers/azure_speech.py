"""Azure Speech over REST, and as the Speech SDK is told what to say and tells what it heard.

Speech is billed by the characters of the SSML text without the `speak` and `voice` elements, ideographs twice;
recognition by the length of the audio
(https://learn.microsoft.com/azure/ai-services/speech-service/text-to-speech#pricing-note, read 2026-11-21).
"""

import re
from decimal import Decimal

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, seconds_of, text_or_none
from llmobserve.wire import Quantity

__all__ = ["PROVIDER", "billed_characters"]

_FREE_ELEMENTS = re.compile(r"</?(?:speak|voice)\b[^>]*>|<\?xml[^>]*\?>", re.IGNORECASE)
_IDEOGRAPH = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_VOICE_NAME = re.compile(r"""<voice\b[^>]*\bname\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_TICKS_PER_SECOND = 10_000_000


def billed_characters(ssml: str) -> int:
    """Characters that Azure bills of an SSML document: text and other elements, ideographs as two."""
    text = _FREE_ELEMENTS.sub("", ssml)
    return len(text) + len(_IDEOGRAPH.findall(text))


class SpeechReader(CallReader):
    """Reads speech. The characters are known even when the audio was not read."""

    def identify(self, out: Reading) -> None:
        """Voices cost the same but for the high-definition ones."""
        named = _VOICE_NAME.search(self.request.body) if isinstance(self.request.body, str) else None
        voice = named[1] if named is not None else text_or_none(self.asked.get("voice"))
        out.request_model = "neural"
        if voice is not None:
            out.dimensions["voice"] = voice
            if ":" in voice or "HD" in voice:
                out.request_model = "neural-hd"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Characters of the SSML, or of a plain text."""
        ssml, text = self.request.body, text_or_none(self.asked.get("text"))
        units: dict[str, Quantity] = {}
        if isinstance(ssml, str):
            units["input_characters"] = billed_characters(ssml)
        elif text is not None:
            units["input_characters"] = len(text) + len(_IDEOGRAPH.findall(text))
        out.usage = self.usage(units, "request")
        if self.want_content:
            out.input = ssml if text is None else text


class RecognitionReader(CallReader):
    """Reads recognition of short audio: the answer states where speech began and how long it was, not the audio."""

    def identify(self, out: Reading) -> None:
        """Recognition while the audio arrives."""
        out.request_model = "stt-real-time"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """The end of the recognised speech stands for the length of the audio."""
        length = seconds_of(self.body.get("Duration"), _TICKS_PER_SECOND)
        before = seconds_of(self.body.get("Offset"), _TICKS_PER_SECOND)
        out.usage = self.usage(
            {} if length is None else {"input_seconds": length + (before or Decimal(0))}, "estimated"
        )
        if self.want_content:
            out.output = self.body.get("DisplayText")


class FastReader(CallReader):
    """Reads a fast transcription of a file."""

    def identify(self, out: Reading) -> None:
        """Transcription of a whole file while the caller waits."""
        out.request_model = "stt-fast"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """The length of the audio as the answer states it."""
        seconds = seconds_of(self.body.get("durationMilliseconds"), 1000)
        out.usage = self.usage({} if seconds is None else {"input_seconds": seconds}, "response")


PROVIDER = Provider(
    name="azure_speech",
    endpoints=(
        Endpoint(
            operation="text_to_speech",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/(?:tts/)?cognitiveservices/v1"),
            reader=SpeechReader,
            binary_response=True,
        ),
        Endpoint(
            operation="speech_to_text",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/(?:stt/)?speech/recognition/[a-z]+/cognitiveservices/v1"),
            reader=RecognitionReader,
        ),
        Endpoint(
            operation="speech_to_text.fast",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/speechtotext/(?:v[0-9.]+/)?transcriptions:transcribe"),
            reader=FastReader,
        ),
    ),
    request_id_headers=("x-requestid", "apim-request-id"),
)
