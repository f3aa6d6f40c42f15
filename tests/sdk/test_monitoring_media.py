"""Images and sounds as real libraries write them: their figures, and nothing where nothing is known."""

import base64
import io
import os
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from llmobserve.image_header import area_of, format_of
from llmobserve.monitoring import CollectorRegistry, SpanContext
from llmobserve.monitoring.audio_header import facts_of
from llmobserve.monitoring.data import Encoded, InFile, InMemory


def figures(kind: str, result: Any) -> dict[str, Any]:
    """What a collector says of a result, without what it does not know."""
    found = CollectorRegistry.get(kind)().collect(result, (), {}, SpanContext())
    return {name: value for name, value in found.items() if value is not None}


def image_file(kind: str, width: int = 48, height: int = 32, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(out, kind, **options)
    return out.getvalue()


def text_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


FORMS: dict[str, Callable[[bytes, Path], Any]] = {
    "bytes": lambda content, _: content,
    "bytearray": lambda content, _: bytearray(content),
    "memoryview": lambda content, _: memoryview(content),
    "base64": lambda content, _: text_of(content),
    "base64 of addresses": lambda content, _: base64.urlsafe_b64encode(content).decode(),
    "path": lambda content, path: path,
    "path as text": lambda content, path: str(path),
    "in a list": lambda content, _: [content],
    "in a dictionary": lambda content, _: {"file": {"content": content}, "name": "x"},
}

IMAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "png": ("PNG", {}),
    "jpeg": ("JPEG", {}),
    # Its profile is longer than the piece that is looked at first.
    "jpeg with profile": ("JPEG", {"icc_profile": os.urandom(100_000), "progressive": True}),
    "gif": ("GIF", {}),
    "webp lossy": ("WEBP", {}),
    "webp lossless": ("WEBP", {"lossless": True}),
    "webp extended": ("WEBP", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}),
    "bmp": ("BMP", {}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", IMAGES)
def test_images_in_every_form(name: str, form: str, tmp_path: Path) -> None:
    kind, options = IMAGES[name]
    content = image_file(kind, **options)
    path = tmp_path / f"picture.{kind.lower()}"
    path.write_bytes(content)
    assert figures("image", FORMS[form](content, path)) == {
        "count": 1,
        "pixels": 48 * 32,
        "width": 48,
        "height": 32,
        "bytes": len(content),
        "format": kind.lower(),
    }


def test_images_of_pillow_and_arrays() -> None:
    image = Image.new("RGB", (640, 480))
    assert figures("image", image) == {"count": 1, "pixels": 307_200, "width": 640, "height": 480}
    assert figures("image", Image.open(io.BytesIO(image_file("PNG"))))["format"] == "png"
    one = {"count": 1, "pixels": 307_200, "width": 640, "height": 480, "bytes": 307_200}
    for shape in ((480, 640), (480, 640, 3), (480, 640, 4), (3, 480, 640)):
        array = np.zeros(shape, np.uint8)
        assert figures("image", array) == one | {"bytes": array.size}, shape
    batch = np.zeros((5, 480, 640, 3), np.float32)
    assert figures("image", batch) == one | {"count": 5, "pixels": 5 * 307_200, "bytes": 5 * 307_200 * 3 * 4}
    for shape in ((7,), (10, 480, 640), (0, 480), (2, 2, 2, 2, 3)):
        assert figures("image", np.zeros(shape)) == {}, shape


def test_sums_of_images_and_what_they_do_not_share() -> None:
    png, jpeg = image_file("PNG"), image_file("JPEG", 10, 20)
    assert figures("image", [png, png]) == {
        "count": 2,
        "pixels": 2 * 48 * 32,
        "width": 48,
        "height": 32,
        "bytes": 2 * len(png),
        "format": "png",
    }
    mixed = {"count": 2, "pixels": 48 * 32 + 200, "bytes": len(png) + len(jpeg)}
    assert figures("image", (png, jpeg)) == mixed
    # Where it is not known of one, it is known of none: no file of Pillow's, no size of what is elsewhere.
    assert figures("image", [png, Image.new("L", (2, 2))]) == {"count": 2, "pixels": 48 * 32 + 4}
    assert figures("image", [png, "https://example.com/a.png?size=2"]) == {"count": 2, "format": "png"}
    assert figures("image", f"data:image/jpeg;base64,{text_of(jpeg)}") == {
        "count": 1,
        "pixels": 200,
        "width": 10,
        "height": 20,
        "bytes": len(jpeg),
        "format": "jpeg",
    }


@pytest.mark.parametrize(
    "result",
    [
        None,
        3,
        "a.png",  # no such file
        "see a.png",
        "BM is a village in the north of the country",
        b"BM is a village in the north of the country",
        b"",
        "",
        "\0.png",
        b"GIF8 is no header",
        b"\xff\xfb\x90\xff\xfb\x90 begins as a frame of MP3 does",
        "data:text/plain;base64,aGVsbG8=",
        "data:image/png,notbase64",
        "https://example.com/page.html",
        {"path": Path("/does/not/exist.png")},
        object(),
        "A" * 200,
    ],
)
def test_no_media(result: Any) -> None:
    assert figures("image", result) == {}
    assert figures("audio", result) == {}


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.wav").mkdir()
    assert figures("image", tmp_path / "pipe.png") == {}
    assert figures("audio", tmp_path / "folder.wav") == {}
    assert figures("text", [tmp_path / "pipe.png", tmp_path / "folder.wav"]) == {}


def test_half_an_image_has_no_size() -> None:
    assert figures("image", image_file("PNG")[:20]) == {"count": 1, "bytes": 20, "format": "png"}
    assert figures("image", image_file("JPEG")[:30]) == {"count": 1, "bytes": 30, "format": "jpeg"}


def noise(seconds: float, rate: int, channels: int) -> Any:
    """Silence first, so that a variable bit rate does vary."""
    samples = np.random.default_rng(7).standard_normal((round(seconds * rate), channels)) * 0.3
    samples[: len(samples) // 2] *= 0.001
    return samples.astype(np.float32)


def sound_file(seconds: float, rate: int, channels: int, kind: str, subtype: str | None, **options: Any) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, noise(seconds, rate, channels), rate, format=kind, subtype=subtype, **options)
    return out.getvalue()


MP3 = "MPEG_LAYER_III"
CONSTANT = {"bitrate_mode": "CONSTANT", "compression_level": 0.5}
VARIABLE = {"bitrate_mode": "VARIABLE", "compression_level": 0.5}


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (24_000, 2), (44_100, 2), (48_000, 1)])
@pytest.mark.parametrize(
    ("kind", "subtype", "options", "name"),
    [
        ("WAV", "PCM_16", {}, "wav"),
        ("WAV", "FLOAT", {}, "wav"),
        ("WAV", "ULAW", {}, "wav"),
        ("WAVEX", "PCM_24", {}, "wav"),
        ("RF64", "PCM_16", {}, "wav"),
        ("FLAC", None, {}, "flac"),
        ("OGG", "VORBIS", {}, "ogg"),
        ("OGG", "OPUS", {}, "opus"),
        ("MP3", MP3, CONSTANT, "mp3"),
        ("MP3", MP3, VARIABLE, "mp3"),
    ],
)
def test_sounds(kind: str, subtype: str | None, options: Any, name: str, rate: int, channels: int) -> None:
    rate = 16_000 if subtype == "OPUS" and rate == 44_100 else rate  # Opus does not have every rate
    content = sound_file(1.3, rate, channels, kind, subtype, **options)
    expected = {"count": 1, "sample_rate_hz": rate, "channels": channels, "bytes": len(content), "format": name}
    for result in (content, text_of(content)):
        found = figures("audio", result)
        assert found.pop("seconds") == pytest.approx(round(1.3 * rate) / rate, abs=1e-5)
        assert found == expected


@pytest.mark.parametrize("form", FORMS)
def test_sounds_in_every_form(form: str, tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(bytes(16_000))
    content = path.read_bytes()
    assert figures("audio", FORMS[form](content, path)) == {
        "count": 1,
        "seconds": 0.5,
        "sample_rate_hz": 16_000,
        "channels": 1,
        "bytes": 16_044,
        "format": "wav",
    }


def test_a_wav_file_that_was_streamed_lasts_as_long_as_it_is() -> None:
    content = sound_file(2, 8000, 1, "WAV", "PCM_16")
    for stated in (b"\xff\xff\xff\xff", b"\0\0\0\0"):
        at = content.index(b"data") + 4
        assert figures("audio", content[:at] + stated + content[at + 4 :])["seconds"] == 2
    assert figures("audio", content[: len(content) // 2])["seconds"] == pytest.approx(1, abs=0.01)


def test_compressed_wav_does_not_say_how_long_it_is() -> None:
    content = sound_file(2, 8000, 2, "WAV", "IMA_ADPCM")
    assert set(figures("audio", content)) == {"count", "sample_rate_hz", "channels", "bytes", "format"}


def bare_mp3(content: bytes) -> bytes:
    """Without the first frame, in which LAME counts the others."""
    return content[content.index(content[:2], 4) :]


def test_mp3_without_a_count() -> None:
    tag, old_tag = b"ID3\x04\0\0\0\0\x02\x01" + bytes(257), b"TAG" + bytes(125)
    for options in (CONSTANT, VARIABLE):
        content = sound_file(2, 24_000, 1, "MP3", MP3, **options)
        # All frames, the decoder's delay and the end of the last one included: 2.064 s of 576 samples each.
        for whole in (bare_mp3(content), tag + bare_mp3(content), bare_mp3(content) + old_tag):
            assert figures("audio", whole)["seconds"] == 2.064
        assert figures("audio", tag + content)["seconds"] == 2
    # Above half a megabyte by the size, if the bit rate is constant, and else not at all.
    constant = 30 * bare_mp3(sound_file(2, 24_000, 1, "MP3", MP3, **CONSTANT))
    variable = 60 * bare_mp3(sound_file(2, 24_000, 2, "MP3", MP3, **VARIABLE))
    assert min(len(constant), len(variable)) > 512 * 1024
    assert figures("audio", constant)["seconds"] == pytest.approx(30 * 2.064, abs=0.001)
    assert figures("audio", constant + old_tag)["seconds"] == pytest.approx(30 * 2.064, abs=0.001)
    assert "seconds" not in figures("audio", variable)
    assert figures("audio", variable)["channels"] == 2


def test_sounds_as_arrays() -> None:
    mono, stereo = np.zeros(24_000, np.float32), np.zeros((24_000, 2), np.int16)
    assert figures("audio", mono) == {"count": 1, "channels": 1, "bytes": 96_000}
    expected = {"count": 1, "channels": 1, "bytes": 96_000, "sample_rate_hz": 16_000, "seconds": 1.5}
    for result in (
        (mono, 16_000),
        (16_000, mono),
        {"audio": mono, "sampling_rate": 16_000},
        {"array": mono, "sample_rate": 16_000, "path": None},
    ):
        assert figures("audio", result) == expected
    assert figures("audio", (stereo, 16_000)) == expected | {"channels": 2}
    assert figures("audio", (stereo.T, 16_000)) == expected | {"channels": 2}
    assert figures("audio", np.zeros((100, 100))) == figures("audio", np.zeros((2, 2))) == {}
    assert figures("image", (mono, 16_000)) == {}
    # No rates: neither has a length.
    for rate in (0, -1, True, 2.5):
        assert figures("audio", (mono, rate)) == {"count": 1, "channels": 1, "bytes": 96_000}
    for array in (np.array(["a", "b"]), np.array([None, 1])):
        assert figures("audio", array) == figures("image", array.reshape(2, 1)) == figures("text", array) == {}


def test_raw_samples_with_a_stated_rate() -> None:
    # RFC 2586: two bytes a sample. This is how Gemini answers with speech.
    speech: Any = {"mime_type": "audio/L16;codec=pcm;rate=24000", "data": bytes(48_000)}
    answer = {"candidates": [{"content": {"parts": [{"inline_data": speech}]}}]}
    assert figures("audio", answer) == {
        "count": 1,
        "seconds": 1.0,
        "sample_rate_hz": 24_000,
        "channels": 1,
        "bytes": 48_000,
        "format": "pcm",
    }
    speech["mime_type"] = "audio/pcm"
    assert figures("audio", answer) == {"count": 1, "bytes": 48_000, "format": "pcm"}


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"RIFF\0\0\0\0WAVEfmt ", b"fLaC\0", b"OggS", b"ID3", b"\xff\xfb\x90"]),
)
def test_no_bytes_make_the_headers_fail(content: bytes, start: bytes) -> None:
    data = InMemory(start + content)
    facts_of(data)
    area_of(start + content)
    assert format_of(start + content) is None or len(start + content) > 2


@given(st.binary(max_size=100), st.integers(0, 120), st.integers(0, 120))
def test_any_part_of_any_form_of_data(content: bytes, start: int, length: int) -> None:
    part = content[start : start + length]
    encoded = Encoded(f"x,{text_of(content)}", 2)
    assert (encoded.size, encoded.at(start, length)) == (len(content), part)
    assert InMemory(memoryview(content)).at(start, length) == part


def test_files_are_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "huge.wav"
    with path.open("wb") as file:
        file.write(sound_file(1, 8000, 1, "WAV", "PCM_16"))
        file.truncate(3_000_000_000)  # a hole: takes no room
    assert InFile(str(path)).size == 3_000_000_000
    assert figures("audio", path)["seconds"] == 1


def test_no_library_is_imported_for_it() -> None:
    code = """
import sys
from llmobserve.testing import captured
from llmobserve import monitor_llm
@monitor_llm(collectors=["text", "image", "audio"])
def answer():
    return ["Hello", b"RIFF", {"a": object()}]
with captured() as recorded:
    answer()
assert recorded.spans[-1].attributes["metrics.text.characters"] == 9
assert not {"numpy", "PIL", "pydantic", "soundfile", "openai"} & sys.modules.keys()
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
