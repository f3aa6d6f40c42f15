"""What `@monitor_llm` adds to a call, beside `@step`, by what the function returns. Prints; asserts nothing.

The two are measured in turns, and the best of many counts: what other programs take of the machine is no cost of ours.
"""

import io
import tempfile
import timeit
import wave
from collections.abc import Callable, Generator
from typing import Any

from openai.types.chat import ChatCompletion

import llmobserve
from llmobserve.transport import MemoryTransport

_NUMBER, _ROUNDS = 500, 30
WORDS = "It has rained all week, and there is more of it to come. "
ANSWER = ChatCompletion.model_validate(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1750000000,
        "model": "gpt-4o-mini",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": WORDS * 20, "refusal": None},
            }
        ],
    }
)


def png() -> bytes:
    """The beginning of a picture of 1024 × 1024, and as much as a megabyte of it."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (1024).to_bytes(4, "big") * 2 + bytes(1024 * 1024)


def wav() -> bytes:
    """Twenty seconds."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(bytes(2 * 24_000 * 20))
    return out.getvalue()


def function(result: Any) -> Callable[[], Any]:
    """A function that does nothing but return it."""
    return lambda: result


def generator(pieces: list[Any]) -> Callable[[], Generator[Any]]:
    """One that yields the pieces."""

    def pieces_of() -> Generator[Any]:
        yield from pieces

    return pieces_of


CASES: list[tuple[str, list[str], Callable[[], Any]]] = [
    ("no collector", [], function(None)),
    ("text, 11 characters", ["text"], function("Hello there")),
    ("text, 1 kB", ["text"], function(WORDS * 18)),
    ("text, 100 kB", ["text"], function(WORDS * 1800)),
    ("text, answer of openai, 1 kB", ["text"], function(ANSWER)),
    ("image, PNG of 1 MB", ["image"], function(png())),
    ("audio, WAV of 20 s", ["audio"], function(wav())),
    ("all three, text of 1 kB", ["text", "image", "audio"], function(WORDS * 18)),
    ("text, generator of 50 pieces", ["text"], generator([WORDS] * 50)),
]


def best_us(several: list[Callable[[], Any]]) -> list[float]:
    """Microseconds a call of each, the best of all rounds, in turns."""
    best = [float("inf")] * len(several)
    for _ in range(_ROUNDS):
        for index, one in enumerate(several):
            best[index] = min(best[index], timeit.timeit(one, number=_NUMBER) / _NUMBER * 1e6)
        llmobserve.flush()
    return best


def exhausted(function: Callable[[], Any]) -> Callable[[], Any]:
    """Of a generator function: all that it yields."""
    return lambda: [None for _ in function()]


def main() -> None:
    """Run all cases."""
    print(f"{'':<30} {'bare':>8} {'@step':>8} {'@monitor_llm':>13}   µs a call")
    with tempfile.TemporaryDirectory() as folder:
        llmobserve.observe(transport=MemoryTransport(), spool_dir=folder, flush_interval_ms=60_000)
        with llmobserve.run("bench"):
            for name, collectors, bare in CASES:
                several = [bare, llmobserve.step(bare), llmobserve.monitor_llm(name, collectors=collectors)(bare)]
                if name.endswith("pieces"):
                    several = [exhausted(one) for one in several]
                bare_us, step_us, monitor_us = best_us(several)
                print(f"{name:<30} {bare_us:8.2f} {step_us:8.2f} {monitor_us:13.2f}")
        llmobserve.shutdown(0)


if __name__ == "__main__":
    main()
