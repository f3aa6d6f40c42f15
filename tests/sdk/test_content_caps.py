"""What is kept of large content: head and tail of texts, descriptions of media, nothing of vectors."""

import base64
import hashlib
import json
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from loopback.server import Answer, Loopback

import llmobserve
from llmobserve.capture.redaction import redact
from llmobserve.transport import MemoryTransport
from llmobserve.wire import record_to_json

KEY = "sk-proj-Zq3" + "x7Yw9" * 6
RECORD_BYTES = 1024 * 1024


def size(content: Any) -> int:
    return len(record_to_json(content))


def test_texts_keep_200_and_50_kilobytes() -> None:
    content = redact("e", "a" * 400_000 + "END", None)
    assert content.truncated
    assert content.input.startswith("a" * 204_800 + "\n[… ")
    assert content.input.endswith("a" * 51_197 + "END")


@pytest.mark.parametrize("at", range(204_740, 204_820, 10))
@pytest.mark.parametrize("from_end", [False, True])
def test_a_secret_at_a_cut_does_not_leave_in_parts(at: int, from_end: bool) -> None:
    length = 400_000
    at = length - 51_200 - (at - 204_740) if from_end else at
    text = "b " * (at // 2) + KEY + " c" * ((length - at) // 2)
    content = redact("e", text, None)
    assert "Zq3" not in content.input
    assert "x7Yw9" not in content.input


@pytest.mark.parametrize("letter", ["a", "é", "字", "\U0001f600", '"', "\n", "\\"])
def test_records_are_bounded_whatever_the_letters(letter: str) -> None:
    whole = redact("e", [{"content": letter * 250_000} for _ in range(8)], letter * 1000)
    assert size(whole) <= RECORD_BYTES
    assert whole.truncated
    assert whole.output == letter * 1000
    assert size(redact("e", letter * 30_000_000, letter * 30_000_000)) <= RECORD_BYTES
    assert size(redact("e", {letter * 300 + str(n): [letter] * 99 for n in range(9000)}, None)) <= RECORD_BYTES


def png(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    noise = bytes(n * n * 7919 % 251 for n in range(4000))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(head)) + noise


def jpeg(width: int, height: int) -> bytes:
    frame = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + b"\x03" + bytes(9)
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(9) + frame + bytes(n * 31 % 256 for n in range(4000))


WEBP = b"RIFF\x00\x10\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00" + bytes((63, 2, 0, 223, 1, 0)) + b"xyz1" * 999
GIF = b"GIF89a" + struct.pack("<HH", 320, 200) + bytes(n * 17 % 256 for n in range(4000))
WAV = b"RIFF\x00\x10\x00\x00WAVEfmt " + bytes(n * 13 % 256 for n in range(4000))
MEDIA: dict[str, tuple[bytes, dict[str, Any]]] = {
    "png": (png(640, 480), {"type": "image/png", "width": 640, "height": 480}),
    "jpeg": (jpeg(1024, 768), {"type": "image/jpeg", "width": 1024, "height": 768}),
    "webp": (WEBP, {"type": "image/webp", "width": 576, "height": 480}),
    "gif": (GIF, {"type": "image/gif", "width": 320, "height": 200}),
    "wav": (WAV, {"type": "audio/wav"}),
}
PLACES: list[Callable[[str, str], Any]] = [
    lambda data, kind: f"data:{kind};base64,{data}",
    lambda data, kind: {"data": data, "mimeType": kind},
    lambda data, kind: {"images": [data]},
    lambda data, kind: {"b64_json": data},
    lambda data, kind: data.replace("+", "-").replace("/", "_").rstrip("="),
]


@pytest.mark.parametrize("name", MEDIA)
@pytest.mark.parametrize("place", PLACES)
def test_media_become_type_size_hash_and_area(name: str, place: Callable[[str, str], Any]) -> None:
    data, expected = MEDIA[name]
    encoded = base64.b64encode(data).decode()
    text = json.dumps(redact("e", place(encoded, expected["type"]), None).input)
    wanted = {**expected, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert json.dumps(wanted)[1:-1].split(", ")[0] in text
    assert all(json.dumps({key: value})[1:-1] in text for key, value in wanted.items())
    assert encoded[40:80] not in text


def test_media_inside_a_text() -> None:
    encoded = base64.b64encode(png(640, 480)).decode()
    content = redact(
        "e", f"Look: ![x](data:image/png;base64,{encoded}) and ![y](data:image/png;base64,{encoded})!", None
    )
    assert content.input.startswith("Look: ![x]([image/png, 4033 bytes, ")
    assert content.input.endswith("])!")
    assert encoded[40:80] not in content.input


@pytest.mark.parametrize("text", ["字" * 5000, "x" * 5000, "word" * 2000, "0123456789abcdef" * 500, "a b c " * 999])
def test_long_texts_are_no_media(text: str) -> None:
    assert redact("e", {"data": text, "result": text}, text).input == {"data": text, "result": text}


VECTORS, DIMENSIONS = 2048, 1536
ROW = "[" + ",".join(["-0.012345678"] * DIMENSIONS) + "]"
EMBEDDINGS = (
    b'{"object":"list","data":['
    + ",".join(f'{{"object":"embedding","index":{n},"embedding":{ROW}}}' for n in range(VECTORS)).encode()
    + b'],"model":"text-embedding-3-small","usage":{"prompt_tokens":8192,"total_tokens":8192}}'
)


def peak_bytes(server: Loopback) -> int:
    """Most memory held while an application reads such an answer piece by piece."""
    with httpx2.Client(timeout=60) as client:
        asked = {"model": "text-embedding-3-small", "input": ["x"] * VECTORS}
        with client.stream("POST", f"{server.url}/v1/embeddings", json=asked) as response:
            tracemalloc.start()
            try:
                assert sum(map(len, response.iter_bytes())) == len(EMBEDDINGS)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()


def test_vectors_are_neither_copied_nor_kept() -> None:
    """2,048 vectors of 1,536 numbers: 43 MB of JSON."""
    assert len(EMBEDDINGS) > 40_000_000
    transport = MemoryTransport()
    with Loopback(Answer(headers={"content-type": "application/json"}, body=EMBEDDINGS)) as server:
        bare = peak_bytes(server)
        llmobserve.observe(transport=transport, capture_content=True, hosts={server.netloc: "openai"})
        observed = peak_bytes(server)
        llmobserve.shutdown()
    # Up to 8 MB of an answer are held for its usage.
    assert observed - bare < 20_000_000
    (call,) = [event for event in transport.events if event["type"] == "call"]
    assert call["usage"]["units"] == {"input_text_tokens": 8192}
    assert "0.012345678" not in json.dumps(transport.events)
    (content,) = [event for event in transport.events if event["type"] == "content"]
    assert len(content["input"]) == VECTORS
