"""Compressed bodies, and those that are made to fill the memory (C04)."""

import gzip
import random
from collections.abc import Callable

import pytest
import zstandard

from llmobserve_server.errors import BadRequest, PayloadTooLarge
from llmobserve_server.ingest.body import BodyLimits, read_body

MB = 1024 * 1024
TEXT = bytes(range(256)) * 40
SMALL = BodyLimits(wire_bytes=1000, decoded_bytes=50_000)


@pytest.mark.parametrize("encoding", [None, "", "identity", " Identity "])
def test_a_plain_body_is_itself(encoding: str | None) -> None:
    assert read_body(TEXT, encoding, BodyLimits()) == TEXT


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT), "GZIP"),
        (gzip.compress(TEXT), "x-gzip"),
        (zstandard.compress(TEXT), "zstd"),
        (zstandard.ZstdCompressor(write_content_size=False).compress(TEXT), "zstd"),
    ],
)
def test_gzip_and_zstd_are_undone(body: bytes, encoding: str) -> None:
    assert read_body(body, encoding, BodyLimits()) == TEXT


@pytest.mark.parametrize("size", [256 * 1024 - 1, 256 * 1024, 3 * MB + 1])
def test_large_bodies_come_back_whole(size: int) -> None:
    text = random.Random(1).randbytes(size)
    assert read_body(gzip.compress(text, 1), "gzip", BodyLimits()) == text
    assert read_body(zstandard.compress(text), "zstd", BodyLimits()) == text


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "deflate", "gzip,zstd", "x" * 500])
def test_other_encodings_and_several_are_refused(encoding: str) -> None:
    with pytest.raises(BadRequest, match="send gzip, zstd or none"):
        read_body(TEXT, encoding, BodyLimits())


def test_a_body_compressed_twice_is_undone_once() -> None:
    inner = gzip.compress(TEXT)
    assert read_body(gzip.compress(inner), "gzip", BodyLimits()) == inner


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"", "gzip"),
        (b"plain text", "gzip"),
        (gzip.compress(TEXT)[:-9], "gzip"),
        (gzip.compress(TEXT)[:5], "gzip"),
        (gzip.compress(TEXT) + b"more", "gzip"),
        (gzip.compress(TEXT)[:-8] + bytes(8), "gzip"),
        (b"plain text", "zstd"),
        (zstandard.compress(TEXT)[:-3] + b"xyz", "zstd"),
        (zstandard.compress(TEXT)[:-1], "zstd"),
        (zstandard.compress(TEXT)[:40], "zstd"),
        (zstandard.compress(TEXT) + b"more", "zstd"),
        (b"", "zstd"),
    ],
)
def test_damaged_bodies_are_bad_requests(body: bytes, encoding: str) -> None:
    with pytest.raises(BadRequest, match="is not valid"):
        read_body(body, encoding, BodyLimits())


def test_a_body_above_the_limit_is_refused_before_it_is_looked_at() -> None:
    assert read_body(b"x" * 1000, None, SMALL)
    with pytest.raises(PayloadTooLarge, match="at most 1000"):
        read_body(b"x" * 1001, "gzip", SMALL)


COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress}


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_body_may_grow_to_the_limit_and_no_further(encoding: str) -> None:
    assert len(read_body(COMPRESS[encoding](b"a" * 50_000), encoding, SMALL)) == 50_000
    with pytest.raises(PayloadTooLarge, match="larger than 50000"):
        read_body(COMPRESS[encoding](b"a" * 50_001), encoding, SMALL)


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_bomb_is_stopped_by_its_ratio_long_before_the_limit(encoding: str) -> None:
    with pytest.raises(PayloadTooLarge, match="200 times"):
        read_body(COMPRESS[encoding](bytes(60 * MB)), encoding, BodyLimits())


def test_a_zstd_frame_that_wants_a_huge_window_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = compressor.compress(TEXT) + compressor.flush()
    with pytest.raises(BadRequest, match="is not valid zstd"):
        read_body(body, "zstd", BodyLimits())
