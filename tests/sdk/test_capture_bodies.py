"""Decoders, framing and request bodies on damaged, cut and oversized input."""

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given, strategies

from llmobserve.capture.decoders import Undecodable, open_decoder
from llmobserve.capture.framing import SseFramer
from llmobserve.capture.payload import Payload
from llmobserve.capture.request_body import decode_request_body
from llmobserve.providers.base import ProviderRequest, Reader
from llmobserve.providers.registry import Registry

PLAIN = b'{"a": "' + b"xyz" * 1000 + b'"}'


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(PLAIN)),
        ("X-GZIP", gzip.compress(PLAIN)),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", raw_deflate(PLAIN)),
        ("deflate, gzip", gzip.compress(zlib.compress(PLAIN))),
    ],
)
@pytest.mark.parametrize("size", [1, 13, 10_000])
def test_decoders_take_any_pieces(encoding: str, data: bytes, size: int) -> None:
    decoder = open_decoder(encoding)
    assert decoder is not None
    assert b"".join(decoder.decode(data[at : at + size]) for at in range(0, len(data), size)) == PLAIN


def test_brotli_when_the_library_is_there() -> None:
    brotli = pytest.importorskip("brotli", reason="brotli is not installed")
    decoder = open_decoder("br")
    assert decoder is not None
    packed = brotli.compress(PLAIN)
    assert decoder.decode(packed[:5]) + decoder.decode(packed[5:]) == PLAIN
    assert decoder.decode(b"\xff" * 50) == b""


def test_zstandard_when_the_library_is_there() -> None:
    zstandard = pytest.importorskip("zstandard")
    decoder = open_decoder("zstd")
    assert decoder is not None
    assert decoder.decode(zstandard.ZstdCompressor().compress(PLAIN)) == PLAIN


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@given(data=strategies.binary(max_size=200))
def test_damaged_input_never_raises(encoding: str, data: bytes) -> None:
    decoder = open_decoder(encoding)
    assert decoder is not None
    decoder.decode(data)
    decoder.decode(data)


def test_cut_input_gives_what_arrived() -> None:
    decoder = open_decoder("gzip")
    assert decoder is not None
    packed = gzip.compress(bytes(range(256)) * 1000, compresslevel=1)
    assert bytes(range(256)) * 1000 != decoder.decode(packed[: len(packed) // 2])


def test_bomb_is_bounded() -> None:
    decoder = open_decoder("gzip")
    assert decoder is not None
    assert len(decoder.decode(gzip.compress(bytes(100 * 1024 * 1024)))) == 64 * 1024 * 1024


def test_unknown_encoding() -> None:
    assert open_decoder("identity, ") is None
    with pytest.raises(Undecodable):
        open_decoder("rot13")


@given(
    texts=strategies.lists(strategies.text(min_size=1, max_size=20), max_size=8),
    cuts=strategies.lists(strategies.integers(0, 400), max_size=10),
    ending=strategies.sampled_from(["\n", "\r\n", "\r"]),
)
def test_framing_does_not_depend_on_the_pieces(texts: list[str], cuts: list[int], ending: str) -> None:
    stream = "".join(f"event: e{ending}data: {json.dumps(text)}{ending}{ending}" for text in texts).encode()
    framer, seen, start = SseFramer(), [], 0
    for cut in [*sorted(cut for cut in cuts if cut < len(stream)), len(stream)]:
        for block in framer.push(stream[start:cut]):
            seen += [json.loads(data) for _, data in framer.parse(block)]
        start = cut
    for block in framer.split(framer.rest(b"")):
        seen += [json.loads(data) for _, data in framer.parse(block)]
    assert seen == texts


def chat_payload(headers: dict[str, str], status: int = 200) -> Payload:
    registry = Registry()
    provider = registry.provider_for("api.openai.com")
    assert provider is not None
    found = registry.endpoint_for(provider, "POST", "/v1/chat/completions")
    assert found is not None
    endpoint, match = found
    request = ProviderRequest(method="POST", host="api.openai.com", path="/v1/chat/completions", body={"model": "m"})

    def open_reader() -> Reader:
        return endpoint.reader(request, match, want_content=False)

    return Payload(endpoint, status, headers, open_reader, want_content=False)


@pytest.mark.parametrize("packed", [False, True])
def test_answer_over_the_cap_still_gives_its_usage(packed: bool) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    body = json.dumps(
        {"model": "m-1", "choices": [{"message": {"content": "x" * 20_000_000}}], "usage": usage}
    ).encode()
    headers = {"content-type": "application/json"}
    if packed:
        body, headers["content-encoding"] = gzip.compress(body), "gzip"
    payload = chat_payload(headers)
    step = 5000 if packed else 500_000
    for at in range(0, len(body), step):
        payload.feed(body[at : at + step])
    assert payload.finish()
    assert dict(payload.reader.reading().usage.units) == {"input_text_tokens": 5, "output_text_tokens": 7}


@pytest.mark.parametrize("body", [b"", b"[1, 2]", b'"text"', b"not json", b"{" * 100_000, b"9" * 10_000, b"\xff\xfe"])
def test_strange_bodies(body: bytes) -> None:
    payload = chat_payload({"content-type": "application/json"})
    payload.feed(body)
    payload.finish()
    assert payload.reader.reading(ended_early=True).usage.source == "estimated"


def test_unreadable_encoding_is_noted() -> None:
    payload = chat_payload({"content-type": "application/json", "content-encoding": "rot13"})
    assert (payload.mode, payload.problem) == ("binary", "encoding rot13")


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (b'{"model": "m"}', "application/json", {"model": "m"}),
        (b'{"model": ', "application/json", None),
        (b"a=1&b=x+y", "application/x-www-form-urlencoded", {"a": "1", "b": "x y"}),
        (b"\x00\x01", "application/octet-stream", None),
        (None, "application/json", None),
    ],
)
def test_request_bodies(content: bytes | None, kind: str, expected: Any) -> None:
    assert decode_request_body(content, kind) == expected


def test_form_gives_text_fields_only() -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--B--\r\n'
    )
    assert decode_request_body(body, "multipart/form-data; boundary=B") == {"model": "whisper-1"}
