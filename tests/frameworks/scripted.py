"""A provider that answers as the demo provider does, but for what a test wants said differently."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from loopback.server import Answer, Loopback, Received, event_stream, json_answer, sse

from llmobserve.demo_provider import openai_answers
from llmobserve.demo_provider.answer import Memory

__all__ = ["environment_of", "scripted"]


def scripted(
    *,
    arguments: Mapping[str, Mapping[str, Any]] | None = None,
    last: str | None = None,
    say: Callable[[str], str | None] = lambda _: None,
) -> Callable[[Received], Answer]:
    """What answers the requests of a `Loopback`.

    `arguments`: of a tool, instead of examples. `last`: the tool that is called after all others. `say` gets the
    conversation as text and gives the answer, `None` = as the demo provider. "Refuse this" is refused.
    """
    memory = Memory("Hello there")

    def answer(request: Received) -> Answer:
        body = request.json
        if "Refuse this" in json.dumps(body["messages"]):
            return json_answer({"error": {"message": "refused", "type": "invalid_request_error"}}, status=400)
        body["tools"] = sorted(body.get("tools") or [], key=lambda tool: tool["function"]["name"] == last)
        given = openai_answers.chat(body, memory)
        if given.events is not None:
            return event_stream(sse(*given.events))
        whole = dict(given.body or {})
        message = whole["choices"][0]["message"]
        for call in message.get("tool_calls", ()):
            if call["function"]["name"] in (arguments or {}):
                call["function"]["arguments"] = json.dumps((arguments or {})[call["function"]["name"]])
        said = say(json.dumps(body["messages"]))
        if said is not None:
            message["content"] = said
        return json_answer(whole)

    return answer


def environment_of(server: Loopback) -> dict[str, str]:
    """Environment variables under which clients ask there."""
    return {
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "OPENAI_API_KEY": "demo",
        "LLMOBSERVE_HOSTS": f"{server.netloc}=openai",
    }
