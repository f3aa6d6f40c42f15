"""`llmobserve explain` on exchanges written here, and on recorded ones where they are at hand."""

import base64
import gzip
import io
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from loopback.openai_bodies import chat_chunks, chat_completion

from llmobserve.cli.explain import explain_lines, main
from llmobserve.settings import load


def explained(*exchanges: Any) -> list[dict[str, Any]]:
    lines = [one if isinstance(one, str) else json.dumps(one) for one in exchanges]
    return list(explain_lines(lines, load({}, {})))


def chat(**fields: Any) -> dict[str, Any]:
    return {
        "id": "x",
        "method": "POST",
        "url": "https://api.openai.com/v1/chat/completions",
        "request": '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}',
        "status": 200,
        "headers": {"content-type": "application/json"},
        **fields,
    }


def test_event_and_cost() -> None:
    packed = base64.b64encode(gzip.compress(json.dumps(chat_completion()).encode())).decode()
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", "X-Request-Id": "req_1"}
    plain, compressed = explained(chat(body=json.dumps(chat_completion())), chat(body_base64=packed, headers=headers))
    for answer in (plain, compressed):
        assert (answer["id"], answer["recognised"], answer["http_status"]) == ("x", True, 200)
        assert answer["usage"]["units"] == {
            "input_text_tokens": 56,
            "cache_read_text_tokens": 64,
            "output_text_tokens": 30,
        }
        # gpt-4o-mini: 56 x 0.15 + 64 x 0.075 + 30 x 0.60 = 8.4 + 4.8 + 18 = 31.2 dollars a million tokens.
        assert answer["cost"]["state"] == "priced"
        assert Decimal(answer["cost"]["usd"]) == Decimal("0.0000312")
    assert compressed["request_id"] == "req_1"


def test_stream() -> None:
    body = b"".join(chat_chunks("Hello ", "there")).decode()
    (answer,) = explained(chat(body=body, headers={"content-type": "text/event-stream"}))
    assert (answer["stream"], answer["usage"]["source"], answer["cost"]["state"]) == (True, "estimated", "estimated")


def test_what_is_not_recorded_says_why() -> None:
    unknown, free, pending, broken, not_an_object = explained(
        chat(url="https://example.com/v1/chat/completions"),
        chat(url="https://api.openai.com/v1/models", method="GET"),
        chat(url="https://api.openai.com/v1/batches/b", method="GET", body='{"id": "b", "status": "in_progress"}'),
        "{nonsense",
        "[]",
    )
    assert unknown["reason"] == "no provider is known at example.com"
    assert free["reason"] == "GET /v1/models is no priced operation of openai"
    assert (pending["recognised"], pending["recorded"]) == (True, False)
    for answer in (unknown, free, broken, not_an_object):
        assert answer["recognised"] is False
    assert broken["line"] == 4


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], source=io.StringIO(json.dumps(chat(body=json.dumps(chat_completion()))) + "\n\n")) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["operation"] == "chat.completions"


def stated_total(text: str) -> int | None:
    """Largest total the body itself states, whatever its shape."""
    totals: list[int] = []
    for line in text.splitlines() if "data:" in text else [text]:
        start = line.find("{")
        if start < 0:
            continue
        try:
            found: Any = json.loads(line[start:])
        except ValueError:
            continue
        stack: list[Any] = [found]
        while stack:
            item = stack.pop()
            if isinstance(item, list):
                stack += item
            elif isinstance(item, dict):
                usage = item.get("usage")
                if isinstance(usage, dict) and "total_tokens" in usage:
                    totals.append(usage["total_tokens"])
                stack += item.values()
    return max(totals, default=None)


@pytest.mark.skipif("LLMOBSERVE_TEST_DATA" not in os.environ, reason="LLMOBSERVE_TEST_DATA names no recordings")
@pytest.mark.parametrize("host", ["api.openai.com", "traceloop-stg.openai.azure.com", "api.anthropic.com"])
def test_recordings(host: str) -> None:
    lines = (Path(os.environ["LLMOBSERVE_TEST_DATA"]) / "recordings" / f"{host}.jsonl").read_text().splitlines()
    answers = list(explain_lines(lines, load({}, {})))
    assert len(answers) == len(lines)
    for line, answer in zip(lines, answers, strict=True):
        exchange = json.loads(line)
        body = exchange.get("body") or ""
        if exchange.get("body_base64"):
            body = gzip.decompress(base64.b64decode(exchange["body_base64"])).decode()
        total = stated_total(body)
        if not answer["recognised"] or answer.get("recorded") is False:
            assert total is None, answer
            continue
        usage = answer.get("usage", {})
        if total is not None:
            assert usage["source"] == "response"
            assert sum(n for unit, n in usage["units"].items() if unit.endswith("_tokens")) == total
        assert "flags" not in usage, answer
        assert answer["cost"]["state"]
