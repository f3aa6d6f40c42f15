"""What the headers of a sound file say: format, sample rate, channels, and how long it lasts. Nothing is decoded."""

import re
from struct import unpack_from

from llmobserve.monitoring.audio_facts import AudioFacts
from llmobserve.monitoring.data import Data
from llmobserve.monitoring.mp3 import mp3_facts

__all__ = ["facts_of", "facts_of_raw"]

_HEAD_BYTES = 4096
_PAGE_BYTES = 65_307
"""The longest page of an Ogg file (RFC 3533, 6)."""
_MOST_CHUNKS = 100
_OPUS_HZ = 48_000
"""The positions in an Opus file count at this rate, whatever was recorded (RFC 7845, 4)."""
_PER_SAMPLE = frozenset({0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE})
"""Formats of WAV in which a block is one sample of each channel: PCM, float, A-law, mu-law, and extensible."""
_L16 = re.compile(r"audio/l16\b", re.IGNORECASE)
_PARAMETER = re.compile(r";\s*(rate|channels)\s*=\s*(\d{1,9})", re.IGNORECASE)


def facts_of(data: Data) -> AudioFacts | None:
    """The facts of a WAV, FLAC, Ogg (Vorbis, Opus) or MP3 file; `None` where it is none of these."""
    start = _after_tag(data)
    head = data.at(start, _HEAD_BYTES)
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return _wav_facts(data, start)
    if head[:4] == b"fLaC":
        return _flac_facts(head)
    if head[:4] == b"OggS":
        return _ogg_facts(data, head)
    return mp3_facts(data, start)


def facts_of_raw(data: Data, media_type: str) -> AudioFacts | None:
    """The facts of samples without a header that are `audio/L16;rate=…`; `None` for every other media type.

    RFC 2586, 1999: two bytes a sample, one channel where it does not say. Read in November 2026.
    """
    if _L16.match(media_type) is None:
        return None
    said = {name.lower(): int(number) for name, number in _PARAMETER.findall(media_type)}
    rate, channels = said.get("rate") or None, said.get("channels") or 1
    return AudioFacts("pcm", rate, channels, _seconds(data.size // (2 * channels), rate))


def _seconds(samples: int, rate: int | None) -> float | None:
    return round(samples / rate, 6) if rate else None


def _after_tag(data: Data) -> int:
    """Where the sound begins: after an ID3v2 tag (id3.org, id3v2.4.0-structure, 3.1), if there is one."""
    head = data.at(0, 10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = (head[6] & 0x7F) << 21 | (head[7] & 0x7F) << 14 | (head[8] & 0x7F) << 7 | (head[9] & 0x7F)
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _wav_facts(data: Data, start: int) -> AudioFacts:
    """RIFF chunks (Microsoft, "Multimedia Programming Interface and Data Specifications 1.0"; RF64: EBU Tech 3306)."""
    rate = channels = per_block = None
    long_size: int | None = None
    code = 0
    at = start + 12
    for _ in range(_MOST_CHUNKS):
        chunk = data.at(at, 48)
        if len(chunk) < 8:
            break
        size = int.from_bytes(chunk[4:8], "little")
        if chunk[:4] == b"fmt " and len(chunk) >= 24:
            code, channels, rate, _, per_block = unpack_from("<HHIIH", chunk, 8)
        elif chunk[:4] == b"ds64" and len(chunk) >= 24:
            long_size = int.from_bytes(chunk[16:24], "little")
        elif chunk[:4] == b"data":
            there = max(data.size - at - 8, 0)
            stated = long_size if long_size is not None and size == 0xFFFFFFFF else size
            # Who streams does not know the size: 0, or the greatest number there is.
            sound = there if stated == 0 else min(stated, there)
            # Blocks of what is compressed hold more, and writers do not agree on what its count of samples means.
            seconds = _seconds(sound // per_block, rate) if code in _PER_SAMPLE and per_block else None
            return AudioFacts("wav", rate or None, channels or None, seconds)
        at += 8 + size + (size & 1)
    return AudioFacts("wav", rate or None, channels or None)


def _flac_facts(head: bytes) -> AudioFacts:
    """The STREAMINFO block (RFC 9639, 8.2), which is always the first; 0 samples = not known."""
    if len(head) < 26 or head[4] & 0x7F != 0:
        return AudioFacts("flac")
    packed = int.from_bytes(head[18:26], "big")
    rate, channels, samples = packed >> 44, (packed >> 41 & 0x7) + 1, packed & (1 << 36) - 1
    return AudioFacts("flac", rate or None, channels, _seconds(samples, rate) if samples else None)


def _ogg_facts(data: Data, head: bytes) -> AudioFacts | None:
    """The first packet says what it is (Vorbis I, 4.2.2; RFC 7845, 5.1), the last page where it ends (RFC 3533, 6)."""
    packet = head[27 + head[26] :] if len(head) > 27 else b""
    if packet.startswith(b"\x01vorbis") and len(packet) >= 16:
        kind, channels, rate = "ogg", packet[11], int.from_bytes(packet[12:16], "little")
        skipped, counted_hz = 0, rate
    elif packet.startswith(b"OpusHead") and len(packet) >= 16:
        kind, channels, rate = "opus", packet[9], int.from_bytes(packet[12:16], "little")
        skipped, counted_hz = int.from_bytes(packet[10:12], "little"), _OPUS_HZ
    else:
        return None  # it may hold pictures
    end = _end_position(data, head[14:18])
    seconds = None if end is None or end < skipped else _seconds(end - skipped, counted_hz)
    return AudioFacts(kind, rate or None, channels or None, seconds)


def _end_position(data: Data, serial: bytes) -> int | None:
    """Samples up to the end of the last page; `None` where that is of another stream, or not to be found."""
    start = max(data.size - _PAGE_BYTES, 0)
    tail = data.at(start, _PAGE_BYTES)
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + 18 or tail[at + 14 : at + 18] != serial:
        return None
    position = int.from_bytes(tail[at + 6 : at + 14], "little", signed=True)
    return position if position > 0 else None
