"""Exchanges written by hand, run through the engine and the readers as recorded ones are."""

import base64
import json
import zlib
from typing import Any

from llmobserve.cli.explain import explain
from llmobserve.settings import load

__all__ = ["event_frame", "json_lines", "recorded", "units"]


def recorded(
    url: str,
    *,
    request: Any = None,
    body: Any = None,
    content_type: str = "application/json",
    status: int = 200,
    method: str = "POST",
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """What is recorded of an exchange. `body` is JSON, text, or bytes."""
    exchange: dict[str, Any] = {
        "id": "x",
        "method": method,
        "url": url,
        "request": None if request is None else json.dumps(request),
        "request_headers": {"content-type": "application/json"},
        "status": status,
        "headers": {"content-type": content_type, **(headers or {})},
    }
    if isinstance(body, bytes):
        exchange["body_base64"] = base64.b64encode(body).decode()
    else:
        exchange["body"] = body if isinstance(body, str) else json.dumps(body)
    return explain(exchange, load({}, {}))


def units(answer: dict[str, Any]) -> dict[str, Any]:
    """The units of a recorded call."""
    assert answer.get("recognised"), answer
    return answer.get("usage", {}).get("units", {})


def json_lines(*events: Any) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


def event_frame(name: str, payload: Any, *, kind: str = "event") -> bytes:
    """One frame of an AWS event stream."""
    names = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    head = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + len(value).to_bytes(2, "big") + value.encode()
        for key, value in names.items()
    )
    data = json.dumps(payload).encode()
    prelude = (16 + len(head) + len(data)).to_bytes(4, "big") + len(head).to_bytes(4, "big")
    prelude += zlib.crc32(prelude).to_bytes(4, "big")
    message = prelude + head + data
    return message + zlib.crc32(message).to_bytes(4, "big")
