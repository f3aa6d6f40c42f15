"""The application's own rules: further secret names, no patterns, and a redactor that has the last word."""

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from loopback.openai_bodies import chat_completion
from loopback.server import Answer, Loopback, json_answer

import llmobserve
from llmobserve.guard import swallowed
from llmobserve.privacy import Origin
from llmobserve.settings import SettingError
from llmobserve.transport import MemoryTransport

KEY = "sk-proj-Zq3" + "x7Yw9" * 6
PROMPT: Any = [{"role": "user", "content": f"Ann lives at 5 Elm Street, ssn 123-45-6789, key {KEY}"}]
ANSWER = json_answer(chat_completion("Hello Ann"))
REFUSED = json_answer({"error": {"message": "Ann may not do this", "type": "not_allowed"}}, status=403)
ASKED: list[tuple[str, Origin]] = []


def without_ann(text: str, origin: Origin) -> str | None:
    """Named by `test_redactors_are_loaded_by_name`, too."""
    ASKED.append((text, origin))
    return None if text == "Hello Ann" else text.replace("Ann", "[name]")


def ask(server: Loopback, messages: Any = PROMPT) -> None:
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0) as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=messages)


def recorded(answer: Answer = ANSWER, call: Callable[[Loopback], None] = ask, **settings: Any) -> list[dict[str, Any]]:
    """Records of one call."""
    ASKED.clear()
    transport = MemoryTransport()
    with Loopback(answer) as server:
        wanted = {"capture_content": True, **settings}
        llmobserve.observe(transport=transport, hosts={server.netloc: "openai"}, **wanted)
        try:
            call(server)
        finally:
            llmobserve.shutdown()
    return transport.events


def of_type(records: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [record for record in records if record["type"] == kind]
    return found


def test_a_redactor_has_the_last_word() -> None:
    records = recorded(redactor=without_ann)
    content = of_type(records, "content")
    said = content["input"]["messages"][0]["content"]
    assert said == "[name] lives at 5 Elm Street, ssn 123-45-6789, key [redacted]"
    assert "[removed]" in json.dumps(content["output"])
    assert "Ann" not in json.dumps(records)
    origins = {origin.part: origin for _, origin in ASKED}
    assert origins == {
        "input": Origin("input", "llm", "openai", "chat.completions"),
        "output": Origin("output", "llm", "openai", "chat.completions"),
    }
    assert all(KEY not in text for text, _ in ASKED)


def test_redactors_see_messages_of_errors() -> None:
    def call(server: Loopback) -> None:
        with pytest.raises(openai.PermissionDeniedError, match="Ann may not do this"), llmobserve.section("agent:a"):
            ask(server)

    records = recorded(REFUSED, call, redactor=without_ann)
    assert of_type(records, "call")["error"] == {"type": "not_allowed", "message": "[name] may not do this"}
    assert "Ann" not in json.dumps(records)
    assert {origin.part for _, origin in ASKED} == {"input", "error", "exception"}
    assert Origin("exception", "agent", None, "a") in {origin for _, origin in ASKED}


def test_redactors_are_loaded_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMOBSERVE_REDACTOR", f"{__name__}:without_ann")
    assert "Ann" not in json.dumps(recorded())


@pytest.mark.parametrize("name", ["no.such.module:f", f"{__name__}:no_such_function", f"{__name__}:KEY"])
def test_a_redactor_that_cannot_be_had_is_told(name: str) -> None:
    with pytest.raises(SettingError, match="redactor"):
        llmobserve.observe(redactor=name, transport=MemoryTransport())
    assert llmobserve.status() is None


async def a_coroutine(text: str, origin: Origin) -> str:
    return text


@pytest.mark.parametrize("value", ["no function", "a:b:c d", 5, a_coroutine])
def test_what_is_no_redactor_is_refused(value: Any) -> None:
    with pytest.raises(SettingError, match="redactor"):
        llmobserve.observe(redactor=value, transport=MemoryTransport())


def fails(text: str, origin: Origin) -> str:
    raise KeyError(f"cannot look at {text}")


def gives_a_number(text: str, origin: Origin) -> Any:
    return 5


def explodes(text: str, origin: Origin) -> str:
    return text + "x" * 300_000


@pytest.mark.parametrize("redactor", [fails, gives_a_number, explodes])
def test_a_redactor_that_fails_costs_the_content_alone(
    redactor: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")
    before = swallowed().get("redactor", (0, ""))[0]
    states: list[Any] = []

    def call(server: Loopback) -> None:
        ask(server)
        states.append(llmobserve.status())

    with caplog.at_level(logging.WARNING):
        records = recorded(call=call, redactor=redactor)
    assert of_type(records, "call")["usage"]["source"] == "response"
    assert [record for record in records if record["type"] == "content"] == []
    assert states[0]["redactions"]["redactor_failed"] == 1
    assert states[0]["internal_errors"]["redactor"] == before + 1
    assert "Elm Street" not in caplog.text + json.dumps(records)


def test_calls_of_a_redactor_are_not_recorded() -> None:
    inner: list[Loopback] = []

    def asks_a_model(text: str, origin: Origin) -> str:
        ask(inner[0])
        return text

    def call(server: Loopback) -> None:
        inner.append(server)
        ask(server)

    records = recorded(call=call, redactor=asks_a_model)
    assert [record["type"] for record in records].count("call") == 1


def test_further_names() -> None:
    def call(server: Loopback) -> None:
        with llmobserve.metadata(iban="DE02120300000000202051"), llmobserve.section("a", attributes={"Iban": 5}):
            ask(server, [{"role": "user", "content": "Hi", "IBAN": "DE02120300000000202051", "city": "Ulm"}])

    records = recorded(call=call, redact_keys=["iban", " SSN "])
    (message,) = of_type(records, "content")["input"]["messages"]
    assert message == {"role": "user", "content": "Hi", "IBAN": "[redacted]", "city": "Ulm"}
    assert of_type(records, "call")["context"]["metadata"] == {"iban": "[redacted]"}
    assert "DE02" not in json.dumps(records)


def test_patterns_can_be_off() -> None:
    records = recorded(redact_patterns=False)
    assert KEY in of_type(records, "content")["input"]["messages"][0]["content"]


def test_the_example_of_the_documentation() -> None:
    page = Path(__file__).parents[2] / "docs" / "privacy.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {"NAMES": re.compile("Ann"), "llmobserve": llmobserve}
    transport = MemoryTransport()
    with Loopback(ANSWER) as server:
        names |= {"transport": transport, "hosts": {server.netloc: "openai"}}
        exec(code.replace("observe(", "observe(transport=transport, hosts=hosts, "), names)
        ask(server)
        llmobserve.shutdown()
    assert "[name] lives at" in of_type(transport.events, "content")["input"]["messages"][0]["content"]


def test_without_content_nothing_said_is_recorded() -> None:
    records = recorded(capture_content=False, redactor=without_ann)
    assert [record for record in records if record["type"] == "content"] == []
    assert ASKED == []
    assert "Elm" not in json.dumps(records)
