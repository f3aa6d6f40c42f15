"""Recorded exchanges of all hosts: what is recorded of each is what its own body says."""

import base64
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmobserve.cli.explain import explain_lines
from llmobserve.settings import load

FOLDER = Path(os.environ.get("LLMOBSERVE_TEST_DATA", "")) / "recordings"
FILES = sorted(FOLDER.glob("*.jsonl")) if "LLMOBSERVE_TEST_DATA" in os.environ else []
# Names under which bodies count all input and all output, each with the names of what is counted apart from it.
INPUT: dict[str, tuple[str, ...]] = {
    "prompt_tokens": (),
    "promptTokenCount": (),
    "inputTokens": ("cacheReadInputTokens", "cacheWriteInputTokens"),
    "input_tokens": ("cache_read_input_tokens", "cache_creation_input_tokens"),
    "input_token_count": (),
    "prompt_token_count": (),
    "inputTextTokenCount": (),
    "num_tokens_prompt_total": (),
    "prompt_eval_count": (),
}
OUTPUT: dict[str, tuple[str, ...]] = {
    "completion_tokens": (),
    "candidatesTokenCount": ("thoughtsTokenCount",),
    "outputTokens": (),
    "output_tokens": (),
    "generated_token_count": (),
    "generation_token_count": (),
    "totalOutputTextTokenCount": (),
    "num_tokens_generated": (),
    "eval_count": (),
    "generated_tokens": (),
}


def documents(exchange: dict[str, Any]) -> Iterator[Any]:
    """Every JSON document of a body."""
    raw = (exchange.get("body") or "").encode()
    if exchange.get("body_base64"):
        raw = base64.b64decode(exchange["body_base64"])
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    if "eventstream" in str(exchange["headers"]):
        while len(raw) > 16:
            size, head = int.from_bytes(raw[:4], "big"), int.from_bytes(raw[4:8], "big")
            payload = json.loads(raw[12 + head : size - 4])
            yield json.loads(base64.b64decode(payload["bytes"])) if "bytes" in payload else payload
            raw = raw[size:]
        return
    text = raw.decode("utf-8", "replace")
    try:
        yield json.loads(text)
    except ValueError:
        for line in text.splitlines():
            try:
                yield json.loads(line.removeprefix("data:"))
            except ValueError:
                continue


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        # What was billed counts, where it is stated beside the tokens.
        yield value.get("billed_units", value)
        for inner in () if "billed_units" in value else value.values():
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def stated(exchange: dict[str, Any], names: dict[str, tuple[str, ...]]) -> int | None:
    """The largest sum of tokens that a body states under these names; `None` when it states none."""
    found = [
        int(one[name]) + sum(int(one.get(other) or 0) for other in apart)
        for document in documents(exchange)
        for one in objects(document)
        for name, apart in names.items()
        if isinstance(one.get(name), (int, float))
    ]
    return max(found, default=None)


@pytest.mark.skipif(not FILES, reason="LLMOBSERVE_TEST_DATA names no recordings")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_recordings(file: Path) -> None:
    lines = file.read_text().splitlines()
    for line, answer in zip(lines, explain_lines(lines, load({}, {})), strict=True):
        exchange = json.loads(line)
        given, made = stated(exchange, INPUT), stated(exchange, OUTPUT)
        if not answer["recognised"] or answer.get("recorded") is False:
            assert not given, (answer, exchange["url"])
            assert not made, (answer, exchange["url"])
            continue
        usage = answer.get("usage", {})
        assert "sum_mismatch" not in usage.get("flags", []), answer
        assert "malformed" not in usage.get("flags", []), answer
        tokens = {name: int(n) for name, n in usage.get("units", {}).items() if name.endswith("_tokens")}
        if usage.get("source") == "estimated":
            assert given is None, (answer, given, made)
            assert made is None, (answer, given, made)
            continue
        if given is not None:
            assert sum(n for name, n in tokens.items() if not name.startswith("output_")) == given, answer
        if made is not None:
            assert sum(n for name, n in tokens.items() if name.startswith("output_")) == made, answer
