"""The size of a prompt from which its tokens are estimated, and which completed calls state it."""

import json
from typing import Any

import pytest
from loopback.exchanges import json_lines, recorded

from llmobserve.providers.prompt_text import is_measured, prompt_text
from llmobserve.providers.quantities import estimated_usage, text_bytes, with_sizes
from llmobserve.wire import Usage

CHAT = "https://api.openai.com/v1/chat/completions"
MESSAGES = "https://api.anthropic.com/v1/messages"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("Hello there", 11),
        ("Größe", 7),  # ö and ß have two bytes each
        ("今天天气", 12),  # three bytes each
        ("👩‍👩‍👧", 18),  # three faces of four bytes, two joiners of three
        ('{"a": [1, 2.5]}', 15),
        ("\ud800", 3),  # a lone surrogate is measured, not refused
    ],
)
def test_text_in_any_script(text: str, size: int) -> None:
    assert text_bytes(text) == size
    # The frame of a message is 16 bytes.
    assert prompt_text({"messages": [{"role": "user", "content": text}]}, ("messages",)).size_bytes == size + 16


def test_definitions_count_with_three_quarters_of_their_json() -> None:
    tools = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
    # [{"type":"function","function":{"name":"add","parameters":{"type":"object"}}}] has 78 bytes: 58.
    assert prompt_text({"tools": tools}, ("tools",)).size_bytes == 58
    answer = {"type": "json_object"}
    # {"type":"json_object"} has 22 bytes: 16.
    assert prompt_text({"response_format": answer}, ("response_format",)).size_bytes == 16


def test_tool_calls_and_results_count_with_keys_and_punctuation() -> None:
    asked: Any = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "two"}]},
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"b":2}'}}]},
    ]
    # Three frames of 16; add + {"a":1} = 3 + 7; two = 3; f + {"b":2} = 1 + 7.
    prompt = prompt_text({"messages": asked}, ("messages",))
    assert (prompt.size_bytes, prompt.has_unseen) == (48 + 10 + 3 + 8, False)


@pytest.mark.parametrize(
    "asked",
    [
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": "AA"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA"}}]}]},
        {"messages": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA"}}]}]},
        {"messages": [{"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": "AA"}}}]}]},
        {"messages": [], "previous_response_id": "resp_1"},
    ],
    ids=["image", "anthropic", "audio", "gemini", "converse", "earlier conversation"],
)
def test_what_no_size_tells_is_said(asked: Any) -> None:
    prompt = prompt_text(asked, ("messages",))
    assert prompt.has_unseen
    assert prompt.size_bytes in {0, 16}
    assert "unseen_input" in estimated_usage(prompt, 4, partial=False).flags
    stated = Usage(units={"input_text_tokens": 900, "output_text_tokens": 5}, source="response")
    assert with_sizes(stated, prompt, 20).details == {"output_text_bytes": 20}


def test_estimates_keep_their_sizes() -> None:
    usage = estimated_usage(prompt_text({"prompt": "x" * 10}, ("prompt",)), 7, partial=True)
    assert usage.details == {"input_text_bytes": 10, "output_text_bytes": 7}
    assert usage.units == {"input_text_tokens": 3, "output_text_tokens": 2}
    exact = estimated_usage(prompt_text({}, ()), 7, partial=False, exact={"input_text_tokens": 5})
    assert exact.details == {"output_text_bytes": 7}


def test_hidden_reasoning_says_nothing_about_the_text() -> None:
    stated = Usage(units={"output_text_tokens": 500}, details={"reasoning_tokens": 400}, source="response")
    prompt = prompt_text({"prompt": "xxxx"}, ("prompt",))
    assert with_sizes(stated, prompt, 40).details == {"reasoning_tokens": 400, "input_text_bytes": 4}


@pytest.mark.parametrize(("response_id", "measured"), [(None, False), ("", False), ("chatcmpl-1", False), ("r0", True)])
def test_one_answer_in_eight_is_measured(response_id: str | None, measured: bool) -> None:
    assert is_measured(response_id) is measured


def chat(response_id: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hello there"}
    return {
        "id": response_id,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": message}],
        "usage": {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10},
    }


def test_completed_chat() -> None:
    asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    usage = recorded(CHAT, request=asked, body=chat("chatcmpl-A"))["usage"]
    assert (usage["source"], usage["details"]) == ("response", {"input_text_bytes": 21, "output_text_bytes": 11})
    assert "details" not in recorded(CHAT, request=asked, body=chat("chatcmpl-1"))["usage"]


def test_streamed_output_that_was_passed_over_is_not_measured() -> None:
    asked = {"model": "gpt-4o-mini", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    chunk: dict[str, Any] = {"id": "chatcmpl-A", "object": "chat.completion.chunk", "model": "gpt-4o-mini"}
    pieces = [{**chunk, "choices": [{"index": 0, "delta": {"content": "Hello"}}]} for _ in range(3)]
    last = {**chunk, "choices": [], "usage": {"prompt_tokens": 8, "completion_tokens": 3, "total_tokens": 11}}
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in (*pieces, last)) + "data: [DONE]\n\n"
    usage = recorded(CHAT, request=asked, body=body, content_type="text/event-stream")["usage"]
    assert (usage["source"], usage["details"]) == ("response", {"input_text_bytes": 21})


def test_completed_message_and_generation() -> None:
    said = [{"type": "text", "text": "Hello"}, {"type": "tool_use", "id": "t", "name": "add", "input": {"a": 1}}]
    body = {"id": "msg_A", "model": "claude", "content": said, "usage": {"input_tokens": 9, "output_tokens": 30}}
    asked: Any = {"messages": [{"role": "user", "content": "Hi"}], "system": "Be short"}
    # Hello + add + {"a":1} = 15 bytes; Hi, its frame and "Be short" = 26.
    details = recorded(MESSAGES, request=asked, body=body)["usage"]["details"]
    assert details == {"input_text_bytes": 26, "output_text_bytes": 15}
    url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    parts = [{"text": "Hello"}, {"functionCall": {"name": "add", "args": {"a": 1}}}]
    body = {
        "responseId": "A",
        "candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 9, "totalTokenCount": 11},
    }
    asked = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    details = recorded(url, request=asked, body=body)["usage"]["details"]
    assert details == {"input_text_bytes": 18, "output_text_bytes": 15}


def test_timeout_after_the_answer_began_is_estimated_from_both_sides() -> None:
    asked = {"model": "llama3", "prompt": "x" * 8, "stream": True}
    body = json_lines({"model": "llama3", "response": "y" * 8}, {"model": "llama3", "response": "z" * 4})
    usage = recorded(
        "http://localhost:11434/api/generate", request=asked, body=body, content_type="application/x-ndjson"
    )["usage"]
    assert (usage["source"], usage["units"]) == ("estimated", {"input_text_tokens": 2, "output_text_tokens": 3})
    assert usage["details"] == {"input_text_bytes": 8, "output_text_bytes": 12}
