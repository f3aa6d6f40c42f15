"""What is known of one recording of sound."""

from typing import NamedTuple

__all__ = ["AudioFacts"]


class AudioFacts(NamedTuple):
    """`None` = the recording does not say."""

    format: str | None = None
    """`wav`, `flac`, `mp3`, `ogg` (Vorbis), `opus` or `pcm`."""
    sample_rate_hz: int | None = None
    channels: int | None = None
    seconds: float | None = None
