"""Secrets do not get into settings' texts, messages of errors, the spool or the state of the sender."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from loopback.rig import observed
from loopback.server import Loopback, json_answer

import llmobserve
from llmobserve.guard import guarded, swallowed
from llmobserve.settings import SettingError, load
from llmobserve.transport import MemoryTransport, TransportError
from llmobserve.transport.http import HttpTransport

KEY = "sk-proj-Zq3" + "x7Yw9" * 6
PROMPT: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def defects_are_swallowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")
    yield


def test_settings_do_not_show_the_key() -> None:
    assert "llmo_ingest_1234" not in repr(load({"api_key": "llmo_ingest_1234"}, {}))


@pytest.mark.parametrize("key", ["hush-hush\nX-Other: 1", "hush-hush more", "hush-hush…"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(key: str) -> None:
    with pytest.raises(SettingError) as caught:
        load({"api_key": key}, {})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://me:hush@llm.example.com", "https://:hush@llm.example.com", "http://h?k=hush"])
def test_an_address_with_a_secret_is_refused_unseen(url: str) -> None:
    with pytest.raises(SettingError) as caught:
        load({"collector_url": url}, {})
    assert "hush" not in str(caught.value)


def test_a_proxy_that_cannot_be_understood_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:hush#hush@proxy.example.com:3128")
    monkeypatch.setenv("http_proxy", "http://me:hush#hush@proxy.example.com:3128")
    with pytest.raises(TransportError, match="proxy") as caught:
        HttpTransport("http://collector.example.com", None).post(b"{}")
    assert "hush" not in str(caught.value)


def test_keys_that_a_provider_quotes() -> None:
    error = {"error": {"message": f"Incorrect API key provided: {KEY}.", "type": "invalid_request_error"}}
    with Loopback(json_answer(error, status=401)) as server, observed(server) as recorded:
        with (
            openai.OpenAI(api_key=KEY, base_url=f"{server.url}/v1", max_retries=0) as client,
            pytest.raises(openai.AuthenticationError),
        ):
            client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)
        assert recorded.one.error is not None
        assert recorded.one.error.message == "Incorrect API key provided: [redacted]."


def test_addresses_that_a_transport_quotes() -> None:
    class Broken(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ConnectError(f"cannot reach {request.url}")

    with Loopback() as server, observed(server) as recorded, httpx2.Client(transport=Broken()) as client:
        with pytest.raises(httpx2.ConnectError, match="key=AIzaSy0123456789abcdefgh"):
            client.post(f"{server.url}/v1/embeddings?key=AIzaSy0123456789abcdefgh", json={"model": "m", "input": "a"})
        assert recorded.one.error is not None
        assert recorded.one.error.message == f"cannot reach {server.url}/v1/embeddings?key=[redacted]"


def test_errors_of_sections(own_directories: Path) -> None:
    transport = MemoryTransport()
    llmobserve.observe(transport=transport, capture_content=True)
    with pytest.raises(ValueError, match="bad key"), llmobserve.section("agent:a"):
        raise ValueError(f"bad key {KEY}")
    llmobserve.shutdown()
    errors = [event["error"] for event in transport.events if "error" in event]
    assert errors
    assert {error["message"] for error in errors} == {"bad key [redacted]"}


@pytest.mark.usefixtures("defects_are_swallowed")
def test_internal_errors(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), guarded("test.secret"):
        raise ValueError(f"cannot use {KEY}")
    assert "ValueError: cannot use [redacted]" in caplog.text
    assert swallowed()["test.secret"] == (1, "ValueError: cannot use [redacted]")


def test_a_key_in_place_of_a_model() -> None:
    refusal = json_answer({"error": {"message": "no such model", "type": KEY}}, status=404)
    with (
        Loopback(refusal) as server,
        observed(server) as recorded,
        openai.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client,
    ):
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model=KEY, messages=PROMPT)
        assert recorded.one.request_model == "[redacted]"
        assert recorded.one.error is not None
        assert recorded.one.error.type == "[redacted]"


def test_a_host_with_a_password_is_refused_unseen() -> None:
    with pytest.raises(SettingError) as caught:
        load({"hosts": {"me:hush@llm.example.com": "openai"}}, {})
    assert "hush" not in str(caught.value)
