"""A price book as one file: what `./dev prices pack` writes, read and fully checked before any of it is used.

The file is JSON, plain or gzip: `{"format": "llmobserve-price-book", "schema": 1, "version": …, "files": {…}}`, where
`files` has `units` and one object for every provider, exactly as they are compiled. The version is the newest
`checked_on` and the first 12 hexadecimal digits of the SHA-256 of these objects, so that it cannot name other contents.
"""

import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import msgspec

from llmobserve.pricing import PriceBook, load_price_book
from llmobserve_server.errors import BadRequest, PayloadTooLarge
from llmobserve_server.pricing.book_rows import check_provider, check_units

__all__ = ["MAX_BOOK_BYTES", "BookFile", "read_book_file"]

FORMAT = "llmobserve-price-book"
SCHEMA = 1
MAX_BOOK_BYTES = 8 * 1024 * 1024
"""Largest file. A book of 90 providers has 150 KB as gzip and 2 MB as JSON."""
_MAX_DECODED_BYTES = 64 * 1024 * 1024
_MAX_PROVIDERS = 1000
_GZIP = b"\x1f\x8b"
_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class BookFile:
    """A checked file and the price book in it."""

    book: PriceBook
    content: bytes
    """The file as it came."""

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the file, to compare with what its sender says."""
        return hashlib.sha256(self.content).hexdigest()


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    schema: int
    version: str
    files: dict[str, msgspec.Raw]


def read_book_file(content: bytes) -> BookFile:
    """The price book in a file, of which every part was checked and every rate was made once.

    Raises:
        PayloadTooLarge: more than 8 MB, or more than 64 MB decompressed.
        BadRequest: it is not a price book that this version can use; the message names the place.
    """
    if len(content) > MAX_BOOK_BYTES:
        raise PayloadTooLarge(f"A price book has at most {MAX_BOOK_BYTES // 1024**2} MB.")
    try:
        envelope = msgspec.json.decode(_text(content), type=_Envelope)
        files = {name: bytes(raw) for name, raw in envelope.files.items()}
        _check_envelope(envelope, files)
        units = check_units(files.pop("units"), frozenset(load_price_book().units()))
        checked_on = max(check_provider(name, text, units) for name, text in files.items())
        if not envelope.version.startswith(f"{checked_on}."):
            raise _refused(f"the newest check in it is of {checked_on}, the version says {envelope.version}")
        book = _book(envelope)
        _make_everything(book)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _refused(str(error)) from None
    except RecursionError:
        raise _refused("it is nested too deeply") from None
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        # What the checks did not foresee and the calculation would have stumbled over.
        raise _refused(str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}") from None
    return BookFile(book, content)


def _text(content: bytes) -> bytes:
    if not content.startswith(_GZIP):
        return content
    decompress = zlib.decompressobj(wbits=31)
    try:
        text = decompress.decompress(content, _MAX_DECODED_BYTES)
    except zlib.error as error:
        raise _refused(f"it cannot be decompressed ({error})") from None
    if not decompress.eof:
        if len(text) >= _MAX_DECODED_BYTES:
            raise PayloadTooLarge(f"A price book has at most {_MAX_DECODED_BYTES // 1024**2} MB decompressed.")
        raise _refused("the compressed data ends too early")
    if decompress.unused_data:
        raise _refused("something follows the compressed data")
    return text


def _check_envelope(envelope: _Envelope, files: Mapping[str, bytes]) -> None:
    if envelope.format != FORMAT or envelope.schema != SCHEMA:
        raise _refused(
            f"its format is {envelope.format[:40]!r}, schema {envelope.schema}; this version reads {FORMAT!r}, schema "
            f"{SCHEMA}"
        )
    providers = files.keys() - {"units"}
    if "units" not in files or not 1 <= len(providers) <= _MAX_PROVIDERS:
        raise _refused(f"files has `units` and 1 to {_MAX_PROVIDERS} providers")
    if wrong := next((name for name in sorted(providers) if not _PROVIDER.fullmatch(name)), None):
        raise _refused(f"{wrong[:80]!r} is not a name of a provider")
    # As the compiler writes them: by file name, each with a line end.
    digest = hashlib.sha256()
    for name in sorted(files, key=lambda one: f"{one}.json"):
        digest.update(files[name] + b"\n")
    if envelope.version[10:] != f".{digest.hexdigest()[:12]}":
        raise _refused("its contents are not those that its version names: it was changed after it was packed")


def _book(envelope: _Envelope) -> PriceBook:
    texts = {name: bytes(raw) for name, raw in envelope.files.items()}
    return PriceBook(envelope.version, frozenset(texts.keys() - {"units"}), partial(_read, texts))


def _read(texts: Mapping[str, bytes], name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(texts[name]))


def _make_everything(book: PriceBook) -> None:
    book.units()
    for name in book.providers:
        for model in book.read(name).models():
            for block in model.blocks:
                block.rates()


def _refused(why: str) -> BadRequest:
    return BadRequest(f"This price book cannot be used: {why}.", field="body")
