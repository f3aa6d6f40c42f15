"""From a request body to JSON bytes: one layer of compression, with caps that hold while it is undone."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import zstandard

from llmobserve_server.errors import BadRequest, PayloadTooLarge

__all__ = ["BodyLimits", "read_body"]

_MB = 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_ZSTD_SLICE_BYTES = 256
"""A block of zstd takes at least four bytes and gives at most 128 KB."""
_RATIO_FREE_BYTES = _MB
_MAX_RATIO = 200
_MAX_WINDOW_BYTES = 8 * _MB


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large a request may be."""

    wire_bytes: int = 10 * _MB
    decoded_bytes: int = 64 * _MB


def read_body(body: bytes, content_encoding: str | None, limits: BodyLimits) -> bytes:
    """The decompressed body.

    Raises:
        PayloadTooLarge: above a limit, as sent or decompressed, or more than 200 times larger than it was sent.
        BadRequest: an encoding other than gzip and zstd, several of them, or a damaged body.
    """
    if len(body) > limits.wire_bytes:
        raise PayloadTooLarge(f"The body has {len(body)} bytes; at most {limits.wire_bytes} are taken.")
    encoding = (content_encoding or "identity").strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "zstd"):
        raise BadRequest(f"Content-Encoding {encoding[:60]!r} is not understood: send gzip, zstd or none.")
    chunks = _gunzip(body) if encoding != "zstd" else _unzstd(body)
    parts: list[bytes] = []
    total = 0
    try:
        for chunk in chunks:
            total += len(chunk)
            _check(total, len(body), limits)
            parts.append(chunk)
    except (zlib.error, zstandard.ZstdError) as error:
        raise BadRequest(f"The body is not valid {encoding}: {error}") from error
    return b"".join(parts)


def _check(total: int, sent: int, limits: BodyLimits) -> None:
    if total > limits.decoded_bytes:
        raise PayloadTooLarge(f"The body is larger than {limits.decoded_bytes} bytes when decompressed.")
    if total > _RATIO_FREE_BYTES and total > sent * _MAX_RATIO:
        raise PayloadTooLarge(f"The body grows to more than {_MAX_RATIO} times its size when decompressed.")


def _gunzip(body: bytes) -> Iterator[bytes]:
    stream = zlib.decompressobj(wbits=31)
    rest = body
    while not stream.eof:
        chunk = stream.decompress(rest, _CHUNK_BYTES)
        rest = stream.unconsumed_tail
        if chunk:
            yield chunk
        elif not rest and not stream.eof:
            raise zlib.error("it ends too early")
    if stream.unused_data:
        raise zlib.error("there is more after its end")


def _unzstd(body: bytes) -> Iterator[bytes]:
    # In small slices: one of them gives at most 8 MB, so that the caps are seen in time.
    stream = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()
    for at in range(0, len(body), _ZSTD_SLICE_BYTES):
        if stream.eof:
            raise zstandard.ZstdError("there is more after its end")
        yield stream.decompress(body[at : at + _ZSTD_SLICE_BYTES])
    # What is cut off between two spans is still a message of protobuf, and would be taken for all of it.
    if not stream.eof:
        raise zstandard.ZstdError("it ends too early")
    if stream.unused_data:
        raise zstandard.ZstdError("there is more after its end")
