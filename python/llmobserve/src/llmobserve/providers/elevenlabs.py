"""ElevenLabs: speech, dialogue, sound effects, music and transcription.

Speech is billed in credits, which the answer states in the header `character-cost`; without it the characters of the
request count. Transcription is billed by the length that the answer states
(https://elevenlabs.io/docs/api-reference, read 2026-11-21).
"""

from decimal import Decimal

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items, is_on, joined, seconds_of, text_or_none
from llmobserve.providers.quantities import as_mapping
from llmobserve.providers.sockets import LazyReader, SocketEndpoint
from llmobserve.wire import Quantity

__all__ = ["DEFAULT_VOICE_MODEL", "PROVIDER"]

DEFAULT_VOICE_MODEL = "eleven_multilingual_v2"
"""What speaks when a request names no model."""
_DEFAULT_DIALOGUE_MODEL = "eleven_v3"


class _CreditReader(CallReader):
    """Reads what the answer's headers say about the charge."""

    def credits(self) -> Decimal | None:
        """Credits that the call cost; `None` when the answer does not say."""
        return self.counters.fraction({"n": self.headers.get("character-cost")}, "n")


class SpeechReader(_CreditReader):
    """Reads speech and dialogue. The characters are known even when the audio was not read."""

    def identify(self, out: Reading) -> None:
        """The model of the request, else the interface's default."""
        default = _DEFAULT_DIALOGUE_MODEL if "inputs" in self.asked else DEFAULT_VOICE_MODEL
        out.request_model = text_or_none(self.asked.get("model_id")) or default

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Credits of the answer, else characters of the request."""
        texts = [self.asked.get("text"), *(as_mapping(part).get("text") for part in as_items(self.asked.get("inputs")))]
        said = [text for text in texts if isinstance(text, str)]
        if self.want_content:
            out.input = said
        characters: dict[str, Quantity] = {"input_characters": sum(map(len, said))} if said else {}
        credit = self.credits()
        if credit is not None:
            out.usage = self.usage({"credits": credit}, "header", details=characters)
        else:
            out.usage = self.usage(characters, "request")


class SoundReader(_CreditReader):
    """Reads sound effects, which are billed each."""

    def identify(self, out: Reading) -> None:
        """Sound effects are one product, whatever the model."""
        out.request_model = "sound-generation"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """One generation."""
        credit = self.credits()
        out.usage = self.usage({"requests": 1}, "request", details={} if credit is None else {"credits": credit})
        if self.want_content:
            out.input = self.asked.get("text")


class MusicReader(_CreditReader):
    """Reads music, which is billed by its length."""

    def identify(self, out: Reading) -> None:
        """Music is one product, whatever the model."""
        out.request_model = "music"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """The length that was asked for, else the credits of the answer: a length left to the model is not known."""
        seconds, credit = seconds_of(self.asked.get("music_length_ms"), 1000), self.credits()
        if seconds is None and credit is not None:
            out.usage = self.usage({"credits": credit}, "header")
            return
        details: dict[str, Quantity] = {} if credit is None else {"credits": credit}
        out.usage = self.usage({} if seconds is None else {"output_seconds": seconds}, "request", details=details)


class VoiceReader(_CreditReader):
    """Reads changed, isolated, dubbed and designed voices: credits, or a length that no answer states."""

    def identify(self, out: Reading) -> None:
        """Voice tools are one product, whatever the model."""
        out.request_model = "voice-tools"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Credits, where the answer states them."""
        credit = self.credits()
        out.usage = self.usage({"requests": 1} if credit is None else {"credits": credit}, "header")


class TranscriptReader(CallReader):
    """Reads transcriptions."""

    def identify(self, out: Reading) -> None:
        """The model, and the options that cost extra."""
        out.request_model = text_or_none(self.asked.get("model_id"))
        extra = [name for name in ("entity_detection", "keyterms") if self.asked.get(name)]
        if add_ons := joined([*extra, *(["detect_entities"] if is_on(self.asked.get("detect_entities")) else [])]):
            out.dimensions["add_ons"] = add_ons

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """The length of the audio as the answer states it."""
        seconds = self.counters.fraction(self.body, "audio_duration_secs")
        out.usage = self.usage({} if seconds is None else {"input_seconds": seconds}, "response")
        out.response_id = text_or_none(self.body.get("transcription_id"))
        if self.want_content:
            out.output = self.body.get("text")


PROVIDER = Provider(
    name="elevenlabs",
    endpoints=(
        Endpoint(
            operation="text_to_speech",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/v1/text-to-(?:speech/[^/]+|dialogue)(?:/stream)?(?:/with-timestamps)?"),
            reader=SpeechReader,
            binary_response=True,
            bulk_keys=(b"audio_base64",),
        ),
        Endpoint(
            operation="speech_to_text",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/v1/speech-to-text"),
            reader=TranscriptReader,
        ),
        Endpoint(
            operation="sound_generation",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/v1/sound-generation"),
            reader=SoundReader,
            binary_response=True,
        ),
        Endpoint(
            operation="music",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/v1/music(?:/detailed)?(?:/stream)?|/v1/music/video-to-music"),
            reader=MusicReader,
            binary_response=True,
        ),
        Endpoint(
            operation="voice_tools",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(
                r"/v1/(?:(?:speech-to-speech/[^/]+|voice-changer/[^/]+|audio-isolation)(?:/stream)?|music/stem-separation"
                r"|dubbing|forced-alignment|text-to-voice/(?:design|create-previews|[^/]+/remix))"
            ),
            reader=VoiceReader,
            binary_response=True,
        ),
    ),
    sockets=(
        SocketEndpoint(
            operation="text_to_speech",
            kind="audio",
            path=LazyPattern(r"/v1/text-to-speech/[^/]+/(?:multi-)?stream-input"),
            reader=LazyReader("llmobserve.providers.elevenlabs_session:SpeechSession"),
        ),
        SocketEndpoint(
            operation="speech_to_text",
            kind="audio",
            path=LazyPattern(r"/v1/speech-to-text/realtime"),
            reader=LazyReader("llmobserve.providers.elevenlabs_session:TranscriptSession"),
        ),
        SocketEndpoint(
            operation="conversation",
            kind="audio",
            path=LazyPattern(r"/v1/convai/conversation"),
            reader=LazyReader("llmobserve.providers.elevenlabs_session:ConversationSession"),
        ),
    ),
    request_id_headers=("request-id",),
)
