"""Price books of a test's own: the shipped prices of OpenAI, changed, as a file that a server can load."""

import gzip
import hashlib
import json
from collections.abc import Callable
from typing import Any

from llmobserve.pricing.book import read_shipped

DAY = "2026-12-01"
"""After every check of the shipped book."""


def list_price(*rates: str) -> dict[str, Any]:
    """A model whose input and output cost so much a million tokens."""
    return {"blocks": [["", None, None, None, None, 0, 0, "verified", 0, list(rates)]]}


def parts(change: Callable[[dict[str, Any]], None] | None = None, day: str = DAY) -> dict[str, Any]:
    """The parts of a book with one provider, whose only rates are those that `change` sets.

    Known models: gpt-4o-mini at $0.10 and $0.40 a million tokens (the shipped book has $0.15 and $0.60), and gpt-9-mini
    at $2 and $8, which the shipped book does not know.
    """
    openai: dict[str, Any] = {
        **read_shipped("openai"),
        "checked_on": day,
        "sources": ["https://example.com/prices"],
        "rules": ["list price"],
        "shapes": [["input_text_tokens", "output_text_tokens"]],
        "models": {"gpt-4o-mini": list_price("0.1", "0.4"), "gpt-9-mini": list_price("2", "8")},
    }
    if change is not None:
        change(openai)
    return {"openai": openai, "units": read_shipped("units")}


def packed(files: dict[str, Any], day: str = DAY, *, compress: bool = True, **envelope: Any) -> bytes:
    """The parts as a file with the version that belongs to them."""
    texts = {name: json.dumps(part, separators=(",", ":")) for name, part in files.items()}
    ordered = "".join(f"{texts[name]}\n" for name in sorted(texts, key=lambda one: f"{one}.json"))
    version = f"{day}.{hashlib.sha256(ordered.encode()).hexdigest()[:12]}"
    head = {"format": "llmobserve-price-book", "schema": 1, "version": version, **envelope}
    inside = ",".join(f"{json.dumps(name)}:{text}" for name, text in texts.items())
    text = f'{json.dumps(head)[:-1]},"files":{{{inside}}}}}'.encode()
    return gzip.compress(text, mtime=0) if compress else text


def book(change: Callable[[dict[str, Any]], None] | None = None, day: str = DAY) -> bytes:
    return packed(parts(change, day), day)
