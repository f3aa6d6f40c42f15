"""How long an MP3 file lasts: by the count of its frames where it has one, by its size where the bit rate is constant.

ISO/IEC 11172-3, 2.4.1.3 and 13818-3 for the frame header; the tags of encoders as LAME writes and reads them
(gabriel.mp3-tech.org/mp3infotag.html) and as Fraunhofer's does (VBRI). All read in November 2026.
"""

from typing import NamedTuple

from llmobserve.monitoring.audio_facts import AudioFacts
from llmobserve.monitoring.data import Data

__all__ = ["mp3_facts"]

_LOOKED_AT = 512 * 1024
"""Bytes whose frames are looked at, half a minute of them, to see whether the bit rate changes."""
_FEWEST = 3
"""Frames in a row that must fit together: two bytes alone are found in anything."""
_KBPS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_ID3V1_BYTES = 128


class _Frame(NamedTuple):
    """The header of one frame of layer III."""

    version: int
    """3 = MPEG-1, 2 = MPEG-2, 0 = MPEG-2.5."""
    bits_per_second: int
    sample_rate_hz: int
    mono: bool
    checked: bool
    """A checksum of two bytes follows the header."""
    size: int

    @property
    def samples(self) -> int:
        """Of each channel, in every frame."""
        return 1152 if self.version == 3 else 576


def mp3_facts(data: Data, start: int) -> AudioFacts | None:
    """The facts of the MP3 file that begins at `start`; `None` where none does."""
    head = data.at(start, _LOOKED_AT)
    first = _frame(head, 0)
    if first is None or not _goes_on(head, first, whole=start + len(head) >= data.size):
        return None
    samples = _counted(head, first)
    if samples is None:
        samples = _by_size(data, start, head, first)
    seconds = None if samples is None else round(samples / first.sample_rate_hz, 6)
    return AudioFacts("mp3", first.sample_rate_hz, 1 if first.mono else 2, seconds)


def _frame(head: bytes, at: int) -> _Frame | None:
    if len(head) < at + 4 or head[at] != 0xFF or head[at + 1] & 0xE6 != 0xE2:
        return None
    version = head[at + 1] >> 3 & 0x3
    rates_hz = _RATES_HZ.get(version)
    kbps_index, rate_index = head[at + 2] >> 4, head[at + 2] >> 2 & 0x3
    if rates_hz is None or rate_index == 3 or not 0 < kbps_index < 15:
        return None
    bits_per_second = (_KBPS_1 if version == 3 else _KBPS_2)[kbps_index] * 1000
    rate_hz = rates_hz[rate_index]
    size = (144 if version == 3 else 72) * bits_per_second // rate_hz + (head[at + 2] >> 1 & 1)
    return _Frame(version, bits_per_second, rate_hz, head[at + 3] >> 6 == 3, not head[at + 1] & 1, size)


def _alike(one: _Frame, other: _Frame | None) -> bool:
    return other is not None and one.version == other.version and one.sample_rate_hz == other.sample_rate_hz


def _goes_on(head: bytes, first: _Frame, *, whole: bool) -> bool:
    """True where frames of the same kind follow, up to the end of the file or to the tag there."""
    at, frame = 0, first
    for _ in range(_FEWEST):
        at += frame.size
        following = _frame(head, at)
        if following is None or not _alike(first, following):
            return whole and first.size <= len(head) <= at + _ID3V1_BYTES
        frame = following
    return True


def _counted(head: bytes, first: _Frame) -> int | None:
    """Samples by the count of frames that the encoder left in the first one, without what it put around the sound."""
    side = {(True, False): 32, (True, True): 17, (False, False): 17, (False, True): 9}[first.version == 3, first.mono]
    at = 4 + (2 if first.checked else 0) + side
    if head[at : at + 4] in {b"Xing", b"Info"}:
        flags = int.from_bytes(head[at + 4 : at + 8], "big")
        if not flags & 1:
            return None
        frames = int.from_bytes(head[at + 8 : at + 12], "big")
        at += 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
        around = 0
        if head[at : at + 4] in {b"LAME", b"Lavf", b"Lavc"}:
            packed = int.from_bytes(head[at + 21 : at + 24], "big")
            around = (packed >> 12) + (packed & 0xFFF)
        return max(frames * first.samples - around, 0) if frames else None
    if head[36:40] == b"VBRI":
        return int.from_bytes(head[50:54], "big") * first.samples or None
    return None


def _by_size(data: Data, start: int, head: bytes, first: _Frame) -> int | None:
    """Samples of a file without a count: as many frames as there are, or as its size holds at a constant bit rate."""
    at, frames, is_constant = 0, 0, True
    while at + 4 <= len(head):
        frame = _frame(head, at)
        if frame is None or not _alike(first, frame):
            break
        is_constant = is_constant and frame.bits_per_second == first.bits_per_second
        frames += 1
        at += frame.size
    if start + len(head) >= data.size:
        return frames * first.samples
    if at + 4 <= len(head) or not is_constant:
        return None
    tagged = data.at(max(data.size - _ID3V1_BYTES, 0), 3) == b"TAG"
    sound = data.size - start - (_ID3V1_BYTES if tagged else 0)
    return round(sound * 8 / first.bits_per_second * first.sample_rate_hz)
