"""Secrets in every place of a call where applications have them, and a search for what is left of them in files."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

__all__ = ["ANSWER", "BODY", "HEADERS", "PARTS", "QUERY", "SECRETS", "files_of", "fragments", "leaks"]


def _letters(name: str, length: int = 28) -> str:
    """Letters and digits as keys have them: the same for the same name, and found nowhere else."""
    digits = base64.b32encode(f"{name}-never-leaves-{name}".encode()).decode().lower().rstrip("=")
    return (digits * 2)[:length]


SECRETS = {
    "authorization": "sk-proj-" + _letters("authorization"),
    "api-key": _letters("apikey", 32),
    "x-goog-api-key": "AIzaSy" + _letters("goog", 33),
    "query": _letters("query", 24),
    "cookie": _letters("cookie", 24),
    "userinfo": _letters("userinfo", 20),
    "tool-call": "correct horse " + _letters("toolcall", 12),
    "prompt": "sk-ant-api03-" + _letters("prompt"),
    "aws": "AKIA" + _letters("awskey", 16).upper(),
    "environment": _letters("environ", 30),
    "base64": "sk-live-" + _letters("base64"),
    "url-encoded": "sk-admin-" + _letters("encoded"),
    "multipart": _letters("multipart", 20),
    "answer": "ghp_" + _letters("answer", 36),
    "error": "xai-" + _letters("error", 40),
    "exception": "gsk_" + _letters("exception", 40),
    "name": "hf_" + _letters("name", 34),
    "metadata": "glpat-" + _letters("metadata", 20),
    "tag": "pplx-" + _letters("tag", 40),
    "attribute": _letters("attribute", 24),
    "subprotocol": "sk-" + _letters("subprotocol", 40),
    "grpc": "llmo_ingest_" + _letters("grpc", 28),
    "log": "xoxb-123456789012-" + _letters("logged", 24),
}

QUERY = f"?key={SECRETS['query']}&api-version=2026-01-01"
HEADERS = {
    "authorization": f"Bearer {SECRETS['authorization']}",
    "api-key": SECRETS["api-key"],
    "x-goog-api-key": SECRETS["x-goog-api-key"],
    "cookie": f"session={SECRETS['cookie']}",
}
_TRACEBACK = f"""Traceback (most recent call last):
  File "app.py", line 3, in <module>
KeyError: environ({{'HOME': '/', 'X_API_KEY': '{SECRETS["environment"]}', 'DB_PWD':'{SECRETS["environment"]}'}})
export DB_PASSWORD={SECRETS["environment"]}"""
_TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "sign_in", "arguments": json.dumps({"user": "ann", "password": SECRETS["tool-call"]})},
}
_SAID = (
    f"My keys are {SECRETS['prompt']} and {SECRETS['aws']}.",
    _TRACEBACK,
    f"encoded: {base64.b64encode(SECRETS['base64'].encode()).decode()}",
    f"https://example.com/cb?state={quote(SECRETS['url-encoded']).replace('-', '%2D')}",
    f"postgres://app:{SECRETS['userinfo']}@db.example.com/app",
    f"curl -H 'Authorization: {HEADERS['authorization']}' -H 'Cookie: {HEADERS['cookie']}' https://example.com{QUERY}",
)
BODY: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [
        *({"role": "user", "content": text} for text in _SAID),
        {"role": "assistant", "content": None, "tool_calls": [_TOOL_CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": json.dumps({"api_key": SECRETS["api-key"]})},
    ],
    "metadata": {"password": SECRETS["tool-call"]},
}
PARTS = {"model": "whisper-1", "prompt": f"the key {SECRETS['prompt']}", "api_key": SECRETS["multipart"]}
"""Text fields of a form."""
ANSWER = {
    "role": "assistant",
    "content": f"Your token is {SECRETS['answer']}.",
    "refusal": None,
    "tool_calls": [_TOOL_CALL],
}


def fragments() -> dict[str, list[bytes]]:
    """Of each secret its middle, as it stands and in base64: also a part of one is a leak."""
    found: dict[str, list[bytes]] = {}
    for name, secret in SECRETS.items():
        middle = secret[-12:-1].encode()
        coded = base64.b64encode(secret.encode())
        found[name] = [middle, coded[12:24]] if len(coded) >= 28 else [middle]
    return found


def leaks(where: "Iterable[tuple[str, bytes]]") -> list[tuple[str, str]]:
    """Which secret is where: given names and contents."""
    wanted = fragments()
    return [
        (place, name)
        for place, content in where
        for name, parts in wanted.items()
        if any(part in content for part in parts)
    ]


def files_of(folder: Path) -> list[tuple[str, bytes]]:
    """Every file below a folder."""
    return [(str(path.relative_to(folder)), path.read_bytes()) for path in folder.rglob("*") if path.is_file()]
