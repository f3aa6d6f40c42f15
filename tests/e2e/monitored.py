"""A monitored application, run as a program: a step with figures, attributes and a call below it."""

import openai

import llmobserve

llmobserve.observe()

from llmobserve import SpanContext, monitor_llm  # noqa: E402

client = openai.OpenAI(max_retries=0)


@monitor_llm("answer", collectors=["text"], custom_attributes={"team": "search", "temperature": 0.25})
def answer(question: str) -> str:
    """Says it often enough for a figure with thousands."""
    asked = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": question}])
    return f"{asked.choices[0].message.content}\n" * 1000


@monitor_llm("speak", collectors=["audio"])
def speak() -> tuple[dict[str, object], bytes]:
    """A second of silence, in the shape that Gemini answers with."""
    blob = {"mime_type": "audio/L16;rate=24000", "data": bytes(36_000)}
    return {"candidates": [{"content": {"parts": [{"inline_data": blob}]}}]}, b""


with llmobserve.run("monitored"), SpanContext(session_id="chat-42"):
    answer("Hello?")
    speak()
