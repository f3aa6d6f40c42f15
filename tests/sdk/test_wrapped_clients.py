"""Clients of openai and anthropic that are observed by themselves, with and without `observe()`."""

import asyncio
import copy
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from loopback.collector import Collector
from loopback.openai_bodies import chat_chunks, chat_completion
from loopback.server import Answer, Loopback, event_stream, json_answer

import llmobserve
from llmobserve import lifecycle
from llmobserve.anthropic import Anthropic, AsyncAnthropic
from llmobserve.openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI

ASKED: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
ASKED_CLAUDE: dict[str, Any] = {**ASKED, "model": "claude-haiku-4-5", "max_tokens": 9}
CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
CHAT = json_answer(chat_completion())


class Rig:
    """A provider and a collector on loopback; the settings are in the environment."""

    def __init__(self, server: Loopback, collector: Collector) -> None:
        self.server = server
        self._collector = collector

    def client(self, kind: Any = openai.OpenAI, **options: Any) -> Any:
        base = self.server.url if "nthropic" in kind.__name__ else f"{self.server.url}/v1"
        return kind(api_key="sk-test", base_url=base, max_retries=0, **options)

    def azure(self, kind: Any) -> Any:
        return kind(api_key="k", azure_endpoint=self.server.url, api_version="2026-10-01", max_retries=0)

    def calls(self) -> list[dict[str, Any]]:
        assert llmobserve.flush()
        return self._collector.events("call")

    @property
    def one(self) -> dict[str, Any]:
        (call,) = self.calls()
        return call


MakeRig = Callable[..., AbstractContextManager[Rig]]


@pytest.fixture
def rigged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRig:
    @contextmanager
    def make(*answers: Answer, provider: str = "openai") -> Generator[Rig]:
        with Loopback(*answers) as server, Collector() as collector:
            monkeypatch.setenv("LLMOBSERVE_COLLECTOR_URL", collector.url)
            monkeypatch.setenv("LLMOBSERVE_SPOOL_DIR", str(tmp_path))
            monkeypatch.setenv("LLMOBSERVE_HOSTS", f"{server.netloc}={provider}")
            monkeypatch.setenv("LLMOBSERVE_RAISE_INTERNAL", "1")
            monkeypatch.setattr(lifecycle, "_ended", False)
            try:
                yield Rig(server, collector)
            finally:
                llmobserve.shutdown()

    return make


def ask(client: Any, **options: Any) -> Any:
    return client.chat.completions.create(**ASKED, **options)


def test_without_observe_only_the_wrapped_client_is_recorded(rigged: MakeRig) -> None:
    with rigged(CHAT, CHAT, CHAT) as rig, rig.client(OpenAI) as wrapped, rig.client() as other:
        assert isinstance(wrapped, openai.OpenAI)
        ask(other)
        assert ask(wrapped).choices[0].message.content == "Hello there"
        ask(other)
        call = rig.one
        assert (call["provider"], call["operation"]) == ("openai", "chat.completions")
        # 120 prompt tokens of which 64 were cached
        assert call["usage"]["units"]["cache_read_text_tokens"] == 64
        assert len(rig.server.ledger) == 3


def test_with_observe_a_wrapped_call_is_recorded_once(rigged: MakeRig) -> None:
    with rigged(CHAT, CHAT) as rig, rig.client(OpenAI) as wrapped, rig.client() as other:
        llmobserve.observe()
        ask(wrapped)
        ask(other)
        assert len(rig.calls()) == 2


def test_observe_after_a_wrapped_call_records_everything(rigged: MakeRig) -> None:
    with rigged(CHAT, CHAT, CHAT) as rig, rig.client(OpenAI) as wrapped, rig.client() as other:
        ask(wrapped)
        llmobserve.observe()
        ask(other)
        ask(wrapped)
        assert len(rig.calls()) == 3


def test_after_unobserve_nothing_is_recorded(rigged: MakeRig) -> None:
    with rigged(CHAT, CHAT) as rig, rig.client(OpenAI) as wrapped:
        ask(wrapped)
        llmobserve.unobserve()
        ask(wrapped)
        assert llmobserve.status() is None
        assert len(rig.calls()) == 1


def test_disabled_by_the_environment(rigged: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMOBSERVE_DISABLED", "1")
    with rigged(CHAT) as rig, rig.client(OpenAI) as wrapped:
        ask(wrapped)
        assert llmobserve.status() is None


def test_wrong_settings_do_not_reach_the_application(rigged: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    with rigged(CHAT) as rig, rig.client(OpenAI) as wrapped:
        monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")
        monkeypatch.setenv("LLMOBSERVE_DURABILITY", "maybe")
        assert ask(wrapped).choices[0].message.content == "Hello there"
        assert llmobserve.status() is None


def test_wrapping_leaves_the_client_as_it_was(rigged: MakeRig) -> None:
    with rigged(CHAT, CHAT) as rig, rig.client() as client:
        ask(client)  # its resources are made
        wrapped = llmobserve.wrap_openai(client)
        assert type(client) is openai.OpenAI and isinstance(wrapped, openai.OpenAI)
        assert wrapped.api_key == client.api_key
        ask(wrapped)
        assert len(rig.calls()) == 1


def test_labels_of_clients(rigged: MakeRig) -> None:
    with rigged(CHAT, CHAT, CHAT, CHAT) as rig, rig.client() as client:
        acme = llmobserve.wrap_openai(
            client, customer_id="acme", user_id="u1", session_id="s1", tags=["bot"], metadata={"plan": 3}
        )
        other = llmobserve.wrap_openai(acme, customer_id="other")
        plain = llmobserve.wrap_openai(client)
        with llmobserve.customer("code"), llmobserve.tags("web"):
            ask(acme)
            ask(acme.with_options(timeout=9))
            ask(other)
            ask(plain)
        contexts = [call["context"] for call in rig.calls()]
        assert [context["customer_id"] for context in contexts] == ["acme", "acme", "other", "code"]
        assert contexts[1]["tags"] == ["web", "bot"]
        assert contexts[1]["metadata"] == {"plan": "3"}
        assert (contexts[1]["user_id"], contexts[1]["session_id"]) == ("u1", "s1")
        assert contexts[3]["tags"] == ["web"]


def test_raw_and_streamed_responses(rigged: MakeRig) -> None:
    stream = event_stream(chat_chunks("Hel", "lo", usage={"prompt_tokens": 6, "completion_tokens": 2}))
    with rigged(CHAT, CHAT, stream) as rig, rig.client(OpenAI) as wrapped:
        raw = wrapped.with_options(timeout=9).chat.completions.with_raw_response.create(**ASKED)
        assert raw.parse().id == "chatcmpl-1"
        with wrapped.chat.completions.with_streaming_response.create(**ASKED) as response:
            assert response.parse().id == "chatcmpl-1"
        words = [chunk.choices[0].delta.content for chunk in ask(wrapped, stream=True) if chunk.choices]
        assert "".join(filter(None, words)) == "Hello"
        calls = rig.calls()
        assert [call.get("stream", False) for call in calls] == [False, False, True]
        assert all("status" not in call for call in calls)  # all went well


def test_errors_of_the_library_are_untouched(rigged: MakeRig) -> None:
    refusal = json_answer({"error": {"type": "invalid_request_error", "message": "no"}}, status=400)
    with rigged(refusal) as rig, rig.client(OpenAI) as wrapped:
        with pytest.raises(openai.BadRequestError, match="no"):
            ask(wrapped)
        assert rig.one["status"] == "error"


def test_azure(rigged: MakeRig) -> None:
    with rigged(CHAT, CHAT, provider="azure_openai") as rig, rig.azure(AzureOpenAI) as wrapped:
        assert isinstance(wrapped, openai.AzureOpenAI)
        ask(wrapped)

        async def run() -> Any:
            async with rig.azure(AsyncAzureOpenAI) as other:
                return await ask(other)

        asyncio.run(run())
        assert [call["provider"] for call in rig.calls()] == ["azure_openai"] * 2


@pytest.mark.parametrize("own", [True, False])
def test_asynchronous_clients(rigged: MakeRig, own: bool) -> None:
    with rigged(CHAT, CHAT, CHAT) as rig:

        async def run() -> None:
            async with (
                rig.client(AsyncOpenAI if own else openai.AsyncOpenAI) as client,
                rig.client(openai.AsyncOpenAI) as other,
            ):
                acme = llmobserve.wrap_openai(client, customer_id="acme")
                assert isinstance(acme, openai.AsyncOpenAI)
                await asyncio.gather(ask(acme), ask(other), ask(acme.with_options(timeout=9)))
                assert llmobserve.get_customer_id() is None

        asyncio.run(run())
        assert [call["context"]["customer_id"] for call in rig.calls()] == ["acme", "acme"]


def test_anthropic(rigged: MakeRig) -> None:
    answer = json_answer(CLAUDE)
    with (
        rigged(answer, answer, answer, answer, provider="anthropic") as rig,
        rig.client(Anthropic) as wrapped,
        rig.client(anthropic.Anthropic) as other,
    ):
        assert isinstance(wrapped, anthropic.Anthropic)
        wrapped.messages.create(**ASKED_CLAUDE)
        other.messages.create(**ASKED_CLAUDE)
        llmobserve.wrap_anthropic(other, customer_id="acme").messages.create(**ASKED_CLAUDE)

        async def run() -> None:
            async with rig.client(AsyncAnthropic) as client:
                await client.messages.create(**ASKED_CLAUDE)

        asyncio.run(run())
        calls = rig.calls()
        assert [call["context"].get("customer_id") for call in calls] == [None, "acme", None]
        assert calls[0]["usage"]["units"] == {"input_text_tokens": 3, "output_text_tokens": 2}


def test_subclasses_and_own_http_clients(rigged: MakeRig) -> None:
    class Mine(openai.OpenAI):
        def __init__(self, flavour: str, **options: Any) -> None:
            self.flavour = flavour
            super().__init__(**options)

    with rigged(CHAT, CHAT) as rig, httpx.Client() as own:
        mine = Mine("sweet", api_key="k", base_url=f"{rig.server.url}/v1", http_client=own)
        wrapped = llmobserve.wrap_openai(mine)
        assert isinstance(wrapped, Mine) and wrapped.flavour == "sweet"
        ask(wrapped)
        ask(copy.copy(wrapped))
        assert [call["transport"] for call in rig.calls()] == ["httpx", "httpx"]


def test_only_clients_of_the_library_are_wrapped() -> None:
    says = r"wrap_anthropic\(\) takes a client of the anthropic library, not OpenAI"
    with openai.OpenAI(api_key="k") as client, pytest.raises(TypeError, match=says):
        llmobserve.wrap_anthropic(client)
    with pytest.raises(TypeError, match=r"wrap_openai\(\) takes a client of the openai library, not str"):
        llmobserve.wrap_openai("client")


def test_without_the_library_only_its_classes_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import llmobserve.openai as module

    monkeypatch.delitem(vars(module), "AzureOpenAI")
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ImportError, match="openai"):
        _ = module.AzureOpenAI
    with pytest.raises(AttributeError, match=r"'llmobserve\.openai' has no attribute 'Nothing'"):
        getattr(module, "Nothing")  # noqa: B009


def test_names_and_signatures_are_the_librarys() -> None:
    assert (OpenAI.__name__, OpenAI.__module__, OpenAI.__doc__) == (
        "OpenAI",
        "llmobserve.openai",
        openai.OpenAI.__doc__,
    )
    with pytest.raises(openai.OpenAIError, match="api_key"):
        OpenAI(api_key=None, base_url="http://127.0.0.1:9")
