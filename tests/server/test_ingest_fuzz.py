"""Batches damaged at random: an answer or a client error, never anything else, and the store takes what is accepted."""

import random
import re
from pathlib import Path

from server.batches import batch, call, collector, content, span

from llmobserve_server.errors import BadRequest

CASES = 400
VALUES = (
    b"null", b"-1", b"1e999", b"NaN", b'"\\ud800"', b'"\\u0000"', b"[]", b"{}", b"true", b"9" * 40, b"1E400", b'"NaN"',
    b'"-0"', b"-0.0", b'"1e-400"', b"\xff", b"\\", b'"', b",", b"}", b'{"a":' * 70, b"9999999999999999",
)  # fmt: skip


def damaged(body: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.randrange(1, 4)):
        if dice.random() < 0.7:
            start, end = dice.choice([match.span() for match in re.finditer(rb'(?<=:)[^,\[\]{}]+|"[^"]*"', body)])
            body = body[:start] + dice.choice(VALUES) + body[end:]
        else:
            at = dice.randrange(len(body))
            body = body[:at] + dice.randbytes(1) + body[at + dice.randrange(3) :]
    return body


def test_damaged_batches_are_answered_or_refused_and_nothing_else(tmp_path: Path) -> None:
    dice = random.Random(11)
    context = {"tags": ["a"], "metadata": {"k": "v"}, "section_path": "agent:x/tool:y"}
    usage = {"units": {"input_text_tokens": 5, "input_seconds": "1.5"}, "raw": {"a": [1, 2]}}
    answered = refused = rejected = 0
    with collector(tmp_path) as server:
        for _ in range(CASES):
            body = batch(
                call(context=context, usage=usage),
                span(attributes={"a": {"b": 1}}),
                content("c", input=[{"x": "\U0001f600 é"}]),
            )
            try:
                answer = server.post(damaged(body, dice))
            except BadRequest:
                refused += 1
                continue
            answered += 1
            rejected += answer.rejected
            assert answer.accepted + answer.duplicates + answer.rejected >= 1
        assert server.ingestor.stats().failed == 0
    assert min(answered, refused, rejected) > CASES // 20
