"""Length, sample rate and channels of the sound that a function returned. Nothing is decoded."""

from collections.abc import Mapping
from typing import Any

from llmobserve.monitoring.audio_facts import AudioFacts
from llmobserve.monitoring.audio_header import facts_of, facts_of_raw
from llmobserve.monitoring.data import Data
from llmobserve.monitoring.media import MediaReader, same, total
from llmobserve.monitoring.result_collector import ResultCollector
from llmobserve.monitoring.results import TooMuch, read

__all__ = ["AudioCollector"]

_MOST_CHANNELS = 8


class AudioCollector(ResultCollector):
    """`count`, `seconds`, `sample_rate_hz`, `channels`, `bytes` and `format`.

    `seconds` and `bytes` are sums; `sample_rate_hz`, `channels` and `format` are left out where the sounds differ, and
    every figure but `count` where it is not known of one of them. `bytes` is the size of the file, of an array that in
    memory. Arrays have one dimension, or two of which one has at most eight channels; their length is known where
    their sample rate is beside them. Nothing where there is no sound.
    """

    later = frozenset({bytes, type(None)})  # a `str` may be the path of a file, which may be gone

    @property
    def metric_type(self) -> str:
        """`audio`."""
        return "audio"

    def measure(self, result: Any) -> Mapping[str, Any]:
        """The figures of all sounds in the result."""
        reader = _Sounds()
        try:
            read(result, reader)
        except TooMuch as error:
            return {"not_measured": str(error)}
        return reader.figures()


class _Sounds(MediaReader):
    """Notes what is known of each sound."""

    kind = "audio"
    formats = {  # noqa: RUF012 (a Mapping, which nobody can change)
        "wav": "wav",
        "wave": "wav",
        "vnd.wave": "wav",
        "flac": "flac",
        "mp3": "mp3",
        "mpeg": "mp3",
        "ogg": "ogg",
        "oga": "ogg",
        "opus": "opus",
        "aac": "aac",
        "m4a": "m4a",
        "mp4": "m4a",
        "pcm": "pcm",
        "pcm16": "pcm",
        "l16": "pcm",
        "aiff": "aiff",
    }

    def __init__(self) -> None:
        self._sounds: list[tuple[AudioFacts, int | None]] = []
        """Facts and bytes."""

    def found(self, data: Data | None, stated: str | None, media_type: str | None) -> None:
        if data is None:
            self._sounds.append((AudioFacts(stated or None), None))
            return
        facts = facts_of(data)
        if facts is None and media_type is not None:
            facts = facts_of_raw(data, media_type)
        if facts is None and stated is not None:
            facts = AudioFacts(stated or None)
        if facts is not None:
            self._sounds.append((facts, data.size))

    def array(self, array: Any, rate_hz: int | None) -> None:
        shape: tuple[int, ...] = array.shape
        if len(shape) == 1:
            samples, channels = shape[0], 1
        elif len(shape) == 2 and (shape[0] <= _MOST_CHANNELS) != (shape[1] <= _MOST_CHANNELS):
            samples, channels = max(shape), min(shape)
        else:
            return
        if channels:
            seconds = round(samples / rate_hz, 6) if rate_hz else None
            self._sounds.append((AudioFacts(None, rate_hz or None, channels, seconds), int(array.nbytes)))

    def figures(self) -> Mapping[str, Any]:
        sounds = self._sounds
        if not sounds:
            return {}
        seconds = total(facts.seconds for facts, _ in sounds)
        return {
            "count": len(sounds),
            "seconds": None if seconds is None else round(seconds, 6),
            "sample_rate_hz": same(facts.sample_rate_hz for facts, _ in sounds),
            "channels": same(facts.channels for facts, _ in sounds),
            "bytes": total(size for _, size in sounds),
            "format": same(facts.format for facts, _ in sounds),
        }
