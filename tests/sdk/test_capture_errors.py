"""Errors, retries and redirects: one event a wire attempt, grouped under the call."""

import socket
from typing import Any

import httpx2
import openai
import pytest
from loopback.openai_bodies import chat_completion
from loopback.rig import observed
from loopback.server import Answer, Loopback, json_answer

PROMPT: Any = [{"role": "user", "content": "Hello"}]
LIMITED = {"error": {"message": "Rate limit reached", "type": "tokens", "code": "rate_limit_exceeded"}}


def client_for(server: Loopback, **options: object) -> openai.OpenAI:
    return openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1", **{"max_retries": 0, **options})  # type: ignore[arg-type]


def test_bad_request() -> None:
    error = {"error": {"message": "Unknown parameter: 'x'.", "type": "invalid_request_error", "code": "unknown"}}
    with Loopback(json_answer(error, status=400, x_request_id="req_7")) as server, observed(server) as recorded:
        with client_for(server) as client, pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)
        call = recorded.one
        assert (call.status, call.http_status, call.request_id) == ("error", 400, "req_7")
        assert call.error is not None
        assert (call.error.type, call.error.message) == ("invalid_request_error", "Unknown parameter: 'x'.")
        assert (dict(call.usage.units), call.usage.source) == ({}, "unknown")
        assert call.request_model == "gpt-4o-mini"


def test_error_page_of_a_proxy() -> None:
    page = Answer(status=502, headers={"content-type": "text/html"}, body=b"<h1>Bad gateway</h1>")
    with Loopback(page) as server, observed(server) as recorded:
        with client_for(server) as client, pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)
        assert recorded.one.error is not None
        assert (recorded.one.status, recorded.one.error.type) == ("error", "http_502")


def test_retries_of_the_client_are_attempts_of_one_call() -> None:
    limited = json_answer(LIMITED, status=429, retry_after_ms="1")
    with Loopback(limited, limited, json_answer(chat_completion())) as server, observed(server) as recorded:
        with client_for(server, max_retries=2) as client:
            client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)
            client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)
        first, second, third, other = recorded.calls
        assert [c.attempt for c in recorded.calls] == [0, 1, 2, 0]
        assert [c.status for c in recorded.calls] == ["error", "error", "ok", "ok"]
        assert first.logical_call_id is not None
        assert first.logical_call_id == second.logical_call_id == third.logical_call_id
        assert other.logical_call_id != first.logical_call_id
        assert [bool(c.usage.units) for c in recorded.calls] == [False, False, True, True]
        assert len({c.event_id for c in recorded.calls}) == 4


def test_retry_without_any_header_is_recognised_by_its_body() -> None:
    with Loopback(json_answer(LIMITED, status=503), json_answer(chat_completion())) as server:
        with observed(server) as recorded, httpx2.Client() as client:
            for question in ("same", "same", "other"):
                client.post(f"{server.url}/v1/chat/completions", json={"model": "m", "prompt": question})
        assert [c.attempt for c in recorded.calls] == [0, 1, 0]
        assert recorded.calls[0].logical_call_id == recorded.calls[1].logical_call_id
        assert recorded.calls[2].logical_call_id is None


def test_another_call_in_between_makes_it_a_call_of_its_own() -> None:
    with Loopback(json_answer(LIMITED, status=503), json_answer(chat_completion())) as server:
        with observed(server) as recorded, httpx2.Client() as client:
            for question in ("same", "other", "same"):
                client.post(f"{server.url}/v1/chat/completions", json={"model": "m", "prompt": question})
        assert [c.status for c in recorded.calls] == ["error", "ok", "ok"]
        assert [c.attempt for c in recorded.calls] == [0, 0, 0]
        assert recorded.calls[0].logical_call_id != recorded.calls[2].logical_call_id


def test_idempotency_key_names_the_call() -> None:
    with Loopback(json_answer(chat_completion())) as server, observed(server) as recorded:
        with client_for(server) as client:
            client.chat.completions.create(model="m", messages=PROMPT, extra_headers={"Idempotency-Key": "key-1"})
        assert recorded.one.logical_call_id == "key-1"


def test_connection_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Loopback(Answer()) as server, observed(server) as recorded:
        with httpx2.Client() as client:
            settings_host = f"127.0.0.1:{port}"
            from llmobserve import capture
            from llmobserve.settings import load

            capture.install(sink=recorded.take, settings=load({"hosts": {settings_host: "openai"}}, {}))
            with pytest.raises(httpx2.ConnectError):
                client.post(f"http://{settings_host}/v1/chat/completions", json={"model": "m"})
        call = recorded.one
        assert (call.status, call.http_status, call.request_model) == ("error", None, "m")
        assert call.error is not None
        assert call.error.type == "ConnectError"
        assert dict(call.usage.units) == {}


def test_timeout_while_waiting() -> None:
    with Loopback(Answer(delay_s=0.5)) as server, observed(server) as recorded:
        with client_for(server, timeout=0.1) as client, pytest.raises(openai.APITimeoutError):
            client.chat.completions.create(model="m", messages=PROMPT)
        assert recorded.one.error is not None
        assert (recorded.one.status, recorded.one.error.type) == ("error", "ReadTimeout")


def test_redirect_is_a_leg_not_a_call() -> None:
    moved = Answer(status=307, headers={"location": "/v1/chat/completions?leg=2"})
    with Loopback(moved, json_answer(chat_completion())) as server, observed(server) as recorded:
        with client_for(server) as client:
            client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)
        assert len(server.ledger) == 2
        assert recorded.one.status == "ok"


def test_failure_of_the_sink_does_not_reach_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    from llmobserve import capture, guard
    from llmobserve.settings import load

    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL", raising=False)

    def broken(*_: object) -> None:
        raise RuntimeError("disk gone")

    with Loopback(json_answer(chat_completion())) as server:
        capture.install(sink=broken, settings=load({"hosts": {server.netloc: "openai"}}, {}))
        try:
            with client_for(server) as client:
                answer = client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)
        finally:
            capture.uninstall()
    assert answer.choices[0].message.content == "Hello there"
    assert "disk gone" in guard.swallowed()["capture.finish"][1]
