"""The demo provider under the real clients: each answer is what they expect, and what the ledger says is recorded."""

import socket
import struct
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import anthropic
import openai
import pytest
from pydantic import BaseModel

from llmobserve.demo_provider import DemoProvider
from llmobserve.testing import captured

MINI, HAIKU, SMALL = "gpt-4o-mini", "claude-haiku-4-5", "text-embedding-3-small"
# openai.com/api/pricing, 2026-11: 56 × 0.15 + 64 × 0.075 + 30 × 0.60 = 31.2 millionths of a dollar.
MINI_USD = Decimal("0.0000312")
# claude.com/pricing, 2026-11: 56 × 1 + 64 × 0.10 + 30 × 5 = 212.4 millionths.
HAIKU_USD = Decimal("0.0002124")
# 2 texts of 8 tokens × 0.02.
SMALL_USD = Decimal("0.00000032")
PROMPT: Any = [{"role": "user", "content": "Hello"}]


class Weather(BaseModel):
    """A structured answer."""

    place: str
    degrees: float
    warnings: list[str]


def functions(*names: str) -> Any:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return [{"type": "function", "function": {"name": name, "parameters": schema}} for name in names]


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Any:
    with DemoProvider() as provider:
        environment = provider.environment()
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with openai.OpenAI(max_retries=0) as one, anthropic.Anthropic(max_retries=0) as other:
            yield provider, one, other


def test_each_operation_costs_what_its_usage_says(clients: Any) -> None:
    provider, gpt, claude = clients
    with captured() as recorded:
        assert gpt.chat.completions.create(model=MINI, messages=PROMPT).choices[0].message.content == "Hello there"
        assert gpt.responses.create(model=MINI, input="Hello").output_text == "Hello there"
        assert len(gpt.embeddings.create(model=SMALL, input=["a", "b"]).data[1].embedding) == 1536
        assert claude.messages.create(model=HAIKU, max_tokens=9, messages=PROMPT).content[0].text == "Hello there"
    assert [recorded.cost_of(call).usd for call in recorded.calls] == [MINI_USD, MINI_USD, SMALL_USD, HAIKU_USD]
    assert [call.usage.source for call in recorded.calls] == ["response"] * 4
    operations = [call.operation for call in recorded.calls]
    assert operations == [entry.operation for entry in provider.ledger]
    assert len({call.response_id for call in recorded.calls if call.response_id}) == 3  # embeddings have none


def test_streams_are_read_to_their_usage(clients: Any) -> None:
    _, gpt, claude = clients
    with captured() as recorded:
        options = {"include_usage": True}
        chunks = list(gpt.chat.completions.create(model=MINI, messages=PROMPT, stream=True, stream_options=options))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello there"
        with gpt.responses.stream(model=MINI, input="Hello") as stream:
            assert stream.get_final_response().output_text == "Hello there"
        with claude.messages.stream(model=HAIKU, max_tokens=9, messages=PROMPT) as events:
            assert events.get_final_text() == "Hello there"
    assert [recorded.cost_of(call).usd for call in recorded.calls] == [MINI_USD, MINI_USD, HAIKU_USD]


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_one_after_the_other(clients: Any, stream: bool) -> None:
    provider, gpt, _ = clients
    messages: list[Any] = list(PROMPT)
    for expected in ("find", "book"):
        with gpt.chat.completions.stream(model=MINI, messages=messages, tools=functions("find", "book")) as events:
            message = events.get_final_completion().choices[0].message
        if not stream:
            asked = {"model": MINI, "messages": messages, "tools": functions("find", "book")}
            message = gpt.chat.completions.create(**asked).choices[0].message
        [call] = message.tool_calls
        assert (call.function.name, call.function.arguments) == (expected, '{"city": "example"}')
        messages += [message.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "done"}]
    last = gpt.chat.completions.create(model=MINI, messages=messages, tools=functions("find", "book"))
    assert last.choices[0].message.content == "Hello there"
    assert [entry.tool for entry in provider.ledger if entry.stream] == ["find", "book"]


def test_tools_of_the_other_two_shapes(clients: Any) -> None:
    _, gpt, claude = clients
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]}
    tools: Any = [{"type": "function", "name": "roll", "parameters": schema, "strict": None}]
    first = gpt.responses.create(model=MINI, input="Hello", tools=tools)
    assert (first.output[0].name, first.output[0].arguments) == ("roll", '{"n": 3}')
    result: Any = [{"type": "function_call_output", "call_id": first.output[0].call_id, "output": "5"}]
    then = gpt.responses.create(model=MINI, input=result, tools=tools, previous_response_id=first.id)
    assert then.output_text == "Hello there"

    tools = [{"name": "roll", "input_schema": schema}]
    with claude.messages.stream(model=HAIKU, max_tokens=9, messages=PROMPT, tools=tools) as events:
        block = events.get_final_message().content[0]
    assert (block.name, block.input) == ("roll", {"n": 3})
    answer = [{"type": "tool_result", "tool_use_id": block.id, "content": "5"}]
    messages = [*PROMPT, {"role": "assistant", "content": [block.to_dict()]}, {"role": "user", "content": answer}]
    done = claude.messages.create(model=HAIKU, max_tokens=9, messages=messages, tools=tools)
    assert done.content[0].text == "Hello there"


def test_structured_answers_fit_their_schema(clients: Any) -> None:
    _, gpt, _ = clients
    chat = gpt.chat.completions.parse(model=MINI, messages=PROMPT, response_format=Weather)
    assert chat.choices[0].message.parsed == Weather(place="example", degrees=1, warnings=["example"])
    response = gpt.responses.parse(model=MINI, input="Hello", text_format=Weather)
    assert response.output_parsed == Weather(place="example", degrees=1, warnings=["example"])


def test_refusals(clients: Any) -> None:
    provider, gpt, claude = clients
    with pytest.raises(openai.RateLimitError):
        gpt.chat.completions.create(model="error-429", messages=PROMPT)
    with pytest.raises(anthropic.InternalServerError):
        claude.messages.create(model="error-500", max_tokens=9, messages=PROMPT)
    with pytest.raises(openai.NotFoundError, match="no such path: /v1/images/generations"):
        gpt.images.generate(prompt="a cat")
    assert [(entry.status, dict(entry.usage)) for entry in provider.ledger] == [(429, {}), (500, {})]


def test_calls_told_in_words_count_as_called(clients: Any) -> None:
    _, gpt, _ = clients
    tools = functions("find", "book")
    first = gpt.chat.completions.create(model=MINI, messages=PROMPT, tools=tools).choices[0].message.tool_calls[0]
    told: Any = [*PROMPT, {"role": "assistant", "content": f"Calling tools: [{{'id': '{first.id}'}}]"}]
    second = gpt.chat.completions.create(model=MINI, messages=told, tools=tools).choices[0].message.tool_calls[0]
    assert (first.function.name, second.function.name) == ("find", "book")


def test_a_client_that_goes_away_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    with DemoProvider() as provider:
        address = urlsplit(provider.openai_url)
        for _ in range(3):
            with socket.create_connection((address.hostname, address.port)) as gone:
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes with a reset
                gone.sendall(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 100\r\n\r\n{")
        with openai.OpenAI(base_url=provider.openai_url, api_key="demo") as client:
            client.chat.completions.create(model=MINI, messages=PROMPT)
        assert len(provider.ledger) == 1
    assert capfd.readouterr().err == ""
