"""Content decoders that follow a response as it arrives and put up with one that was cut short."""

import sys
import zlib
from importlib import import_module
from typing import Any, Protocol

__all__ = ["Decoder", "Undecodable", "open_decoder"]

_MOST_BYTES = 64 * 1024 * 1024


class Undecodable(Exception):
    """The encoding is unknown, or its library is not installed."""


class Decoder(Protocol):
    """Decodes a body piece by piece. Damaged input ends the output; it never raises."""

    def decode(self, data: bytes) -> bytes:
        """The plain bytes that `data` adds."""
        ...


class _Zlib:
    """gzip and deflate. Some servers send deflate without the zlib header: the first two bytes tell."""

    def __init__(self, window_bits: int) -> None:
        self._inner = zlib.decompressobj(window_bits)
        self._undecided: bytes | None = b"" if window_bits == zlib.MAX_WBITS else None
        self._room = _MOST_BYTES

    def decode(self, data: bytes) -> bytes:
        """The plain bytes that `data` adds, at most 64 MB for a whole body."""
        if self._room <= 0:
            return b""
        if self._undecided is not None:
            data = self._undecided + data
            if len(data) < 2:
                self._undecided = data
                return b""
            self._undecided = None
            # RFC 1950 section 2.2: method 8, and both bytes together a multiple of 31.
            if data[0] & 0x0F != 8 or (data[0] << 8 | data[1]) % 31:
                self._inner = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            plain = self._inner.decompress(data, self._room)
        except zlib.error:
            self._room = 0
            return b""
        self._room -= len(plain)
        return plain


class _Foreign:
    """Brotli and zstandard, by the library that the application has."""

    def __init__(self, step: Any, errors: tuple[type[BaseException], ...]) -> None:
        self._step = step
        self._errors = errors
        self._room = _MOST_BYTES

    def decode(self, data: bytes) -> bytes:
        """The plain bytes that `data` adds."""
        if self._room <= 0:
            return b""
        try:
            plain: bytes = self._step(data)
        except self._errors:
            self._room = 0
            return b""
        self._room -= len(plain)
        return plain


class _Chain:
    """Several encodings, undone from the last applied to the first."""

    def __init__(self, decoders: list[Decoder]) -> None:
        self._decoders = decoders

    def decode(self, data: bytes) -> bytes:
        """The plain bytes that `data` adds."""
        for decoder in self._decoders:
            data = decoder.decode(data)
        return data


def open_decoder(encodings: str) -> Decoder | None:
    """A decoder for a `Content-Encoding` header, `None` for an unencoded body. Raises Undecodable."""
    names = [name for name in (part.strip().lower() for part in encodings.split(",")) if name not in {"", "identity"}]
    if not names:
        return None
    decoders = [_open_one(name) for name in reversed(names)]
    return decoders[0] if len(decoders) == 1 else _Chain(decoders)


def _open_one(name: str) -> Decoder:
    if name in {"gzip", "x-gzip"}:
        return _Zlib(zlib.MAX_WBITS | 16)
    if name == "deflate":
        return _Zlib(zlib.MAX_WBITS)
    if name == "br":
        library = _library("brotli", "brotlicffi")
        inner = library.Decompressor()
        step = inner.decompress if hasattr(inner, "decompress") else inner.process
        return _Foreign(step, (library.error,))
    if name == "zstd":
        return _open_zstd()
    raise Undecodable(name)


def _open_zstd() -> Decoder:
    if sys.version_info >= (3, 14):
        library = _library("compression.zstd", "backports.zstd", "zstandard")
    else:
        library = _library("backports.zstd", "zstandard")
    if library.__name__ == "zstandard":
        return _Foreign(library.ZstdDecompressor().decompressobj().decompress, (library.ZstdError,))
    return _Foreign(library.ZstdDecompressor().decompress, (library.ZstdError, EOFError))


def _library(*names: str) -> Any:
    """The first of the libraries that the application loaded, else the first that can be imported.

    A server sends these encodings only to a client that asked for them, and a client asks only when it has the
    library: so this imports nothing that the application's own client does not import as well.
    """
    for name in names:
        if name in sys.modules:
            return sys.modules[name]
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise Undecodable(names[0])
