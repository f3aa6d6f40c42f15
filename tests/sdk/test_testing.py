"""`llmobserve.testing`: what the tests of applications get, and that nothing is left of it."""

import asyncio
import os
import tempfile
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.server import Loopback, event_stream, json_answer

import llmobserve
from llmobserve.testing import captured

PROMPT: Any = [{"role": "user", "content": "Hello"}]
# gpt-4o-mini a million tokens: input 0.15, cached 0.075, output 0.60 USD (https://platform.openai.com/docs/pricing).
# 56 x 0.15 + 64 x 0.075 + 30 x 0.60 = 8.4 + 4.8 + 18 = 31.2 micro-dollars.
COST_USD = Decimal("0.0000312")


def ask(server: Loopback, **options: Any) -> Any:
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0) as client:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT, **options)
        return list(answer) if options.get("stream") else answer


def test_calls_spans_contents_and_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Loopback(json_answer(chat_completion())) as server:
        with captured(hosts={server.netloc: "openai"}, capture_content=True) as recorded:
            assert recorded.calls == []
            with llmobserve.run("job", customer_id="acme", tags=["t"]), llmobserve.section("agent:a"):
                ask(server)
                assert recorded.call.context.section_path == "agent:a"
                assert [span.status for span in recorded.spans] == ["running", "running"]
            assert {(span.kind, span.name, span.status) for span in recorded.spans} == {
                ("run", "job", "ok"),
                ("agent", "a", "ok"),
            }
        call = recorded.call
        assert call.usage.units == {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
        assert (call.context.customer_id, call.context.tags, call.status) == ("acme", ("t",), "ok")
        assert recorded.contents[call.event_id].input == {"messages": PROMPT}
        assert recorded.cost_usd == recorded.cost_of(call).usd == COST_USD
    assert llmobserve.status() is None
    assert list(tmp_path.iterdir()) == []
    assert not Path(os.environ["LLMOBSERVE_SPOOL_DIR"]).exists()
    assert not [thread for thread in threading.enumerate() if "llmobserve" in thread.name]


def test_an_application_that_observes_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMOBSERVE_DISABLED", "1")
    with Loopback(json_answer(chat_completion())) as server, captured() as recorded:
        llmobserve.observe(collector_url="http://127.0.0.1:9", hosts={server.netloc: "openai"}, enabled=True)
        ask(server)
        llmobserve.observe(hosts={server.netloc: "openai"})  # disabled by the environment: changes nothing
        ask(server)
        llmobserve.shutdown()
        assert len(recorded.calls) == 2


def test_transports_in_memory_are_seen_under_the_real_host() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=chat_completion())

    async def main() -> None:
        http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
        async with openai.AsyncOpenAI(api_key="k", http_client=http_client) as client:
            await client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)

    with captured() as recorded:
        asyncio.run(main())
    assert (recorded.call.host, recorded.cost_usd) == ("api.openai.com", COST_USD)


def test_errors_and_unknown_prices() -> None:
    refused = json_answer({"error": {"message": "no", "type": "invalid_request_error"}}, status=400)
    unknown = json_answer(chat_completion(model="something-new"))
    with Loopback(refused, unknown) as server, captured(hosts={server.netloc: "openai"}) as recorded:
        with pytest.raises(openai.BadRequestError):
            ask(server)
        error = recorded.call.error
        assert error is not None
        assert (error.type, error.message) == ("invalid_request_error", "no")
        with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client:
            client.chat.completions.create(model="something-new", messages=PROMPT)
        assert recorded.cost_usd is None
        with pytest.raises(AssertionError, match="2 calls were recorded, not one"):
            recorded.call  # noqa: B018


def test_a_failing_test_leaves_nothing_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Loopback(event_stream(chat_chunks("a", usage=CHAT_USAGE))) as server:
        with pytest.raises(ZeroDivisionError), captured(hosts={server.netloc: "openai"}) as recorded:
            ask(server, stream=True)
            _ = 1 / 0
        assert recorded.call.stream
    assert llmobserve.status() is None
    assert list(tmp_path.iterdir()) == []
    with captured() as again:
        assert again.calls == []
