"""Content that leaves the process: no secrets, no media, bounded."""

import base64
import hashlib
import json
from typing import Any

import pytest

from llmobserve.capture.redaction import redact
from llmobserve.wire import record_to_json

SECRETS = {
    "openai": "sk-proj-abcdefGHIJKL0123456789mnop",
    "anthropic": "sk-ant-api03-abcdefghijklmnop0123456789",
    "stripe": "sk_live_abcdefghijklmnop",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "google": "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "github": "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "slack": "xoxb-1234567890-abcdefghij",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijk",
    "groq": "gsk_abcdefghijklmnop0123456789",
    "own": "llmo_ik_abcdefghijklmnop0123",
    "base64": base64.b64encode(b"sk-proj-abcdefghijklmnop0123").decode(),
    "url-encoded": "sk%2Dproj%2Dabcdefghijklmnop0123",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
@pytest.mark.parametrize("shape", ["use {} now", '{{"x": "{}"}}', "a={};", "{}"])
def test_known_key_shapes(secret: str, shape: str) -> None:
    record = redact("e", {"messages": [{"role": "user", "content": shape.format(secret)}]}, None)
    assert secret not in json.dumps(record.input)
    assert record.redactions >= 1


@pytest.mark.parametrize(
    "text",
    [
        "https://user:hunter22secret@example.com/x",
        "https://example.com/?key=hunter22secret0",
        "Authorization: Bearer hunter22secret0hunter",
        '{"password": "hunter22secret"}',
        '{\\"db_password\\": \\"hunter22secret\\"}',
        "-----BEGIN RSA PRIVATE KEY-----\nhunter22secret\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_secrets_by_place(text: str) -> None:
    record = redact("e", text, None)
    assert "hunter22secret" not in json.dumps(record.input)
    assert record.redactions == 1


def test_secret_fields_of_objects() -> None:
    record = redact("e", {"arguments": {"api_key": "hunter2", "user": "ann", "max_tokens": 5, "tokens": "plain"}}, None)
    assert record.input == {"arguments": {"api_key": "[redacted]", "user": "ann", "max_tokens": 5, "tokens": "plain"}}


def test_ordinary_text_is_untouched() -> None:
    text = "A risk-averse task: key=value, 'token' and \"secret\" words; see https://example.com/a@b"
    record = redact("e", text, {"role": "assistant", "content": text})
    assert (record.input, record.redactions, record.truncated) == (text, 0, False)


def test_media_become_type_size_and_hash() -> None:
    data = bytes(range(256)) * 10
    encoded = base64.b64encode(data).decode()
    expected = {"bytes": 2560, "sha256": hashlib.sha256(data).hexdigest()}
    given: Any = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded}"}},
        {"type": "input_audio", "input_audio": {"data": encoded, "format": "wav"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": encoded}},
    ]
    record = redact("e", given, None)
    assert record.input[0]["image_url"]["url"] == {"type": "image/png", **expected}
    assert record.input[1]["input_audio"]["data"] == {"type": "wav", **expected}
    assert record.input[2]["source"]["data"] == {"type": "image/jpeg", **expected}
    assert encoded[:100] not in json.dumps(record.input)


def test_long_texts_keep_head_and_tail() -> None:
    record = redact("e", "a" * 300_000 + "END", None)
    assert record.truncated
    assert len(record.input) < 260_000
    assert record.input.startswith("aaa")
    assert record.input.endswith("END")


def test_events_are_bounded() -> None:
    record = redact("e", [{"content": "x" * 100_000} for _ in range(100)], "answer")
    assert record.truncated
    assert record.output == "answer"
    assert len(record_to_json(record)) < 1_200_000


def test_hostile_values() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    loop: list[Any] = []
    loop.append(loop)
    values: list[Any] = [
        deep,
        loop,
        float("nan"),
        float("inf"),
        2**70,
        "\ud800",
        "nul\x00",
        object(),
        {1: "a"},
        b"bytes",
    ]
    record = redact("e", values, [0.25] * 1536)
    record_to_json(record)
    assert record.truncated
    assert record.output == ["[1536 numbers]"]
    assert "\ud800" not in record.input[5]
