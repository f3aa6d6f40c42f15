"""What other observers of the OpenAI client add to a call on its thread, beside ours, one after another in one run.

Each observer has a process of its own, in which the bare client is measured first: most of them cannot be taken off
again. Figures are CPU time of the calling thread, the lower quartile of all calls; what an observer does on other
threads is not in them. `./dev bench peers` installs them apart from the project (tests/bench/peers.txt).
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.bench_capture import _observe, _quartile, _sync_cases, _times_us
from loopback.server import Loopback, json_answer

CASES = ("sync chat", "sync stream, 50 chunks, usage", "sync embedding, 1536 floats")
ROUNDS = 6


def _provider() -> Any:
    trace = import_module("opentelemetry.sdk.trace")
    export = import_module("opentelemetry.sdk.trace.export")
    memory = import_module("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    provider = trace.TracerProvider()
    provider.add_span_processor(export.BatchSpanProcessor(memory.InMemorySpanExporter()))
    return provider


def _ours(*, content: bool) -> Callable[[], None]:
    return lambda: _observe(tempfile.mkdtemp(prefix="llmobserve-bench-"), content=content)


def _instrumentor(module: str) -> Callable[[], None]:
    return lambda: import_module(module).OpenAIInstrumentor().instrument(tracer_provider=_provider())


def _langfuse() -> None:
    sink = Loopback(json_answer({}))
    sink.__enter__()
    import_module("langfuse").Langfuse(public_key="pk-lf-1", secret_key="sk-lf-1", base_url=sink.url)
    import_module("langfuse.openai")  # this wraps the client's methods


def _logfire() -> None:
    logfire = import_module("logfire")
    logfire.configure(send_to_logfire=False, console=False)
    logfire.instrument_openai()


OBSERVERS: dict[str, Callable[[], None]] = {
    "llmobserve": _ours(content=False),
    "llmobserve, with content": _ours(content=True),
    "openinference-instrumentation-openai": _instrumentor("openinference.instrumentation.openai"),
    "opentelemetry-instrumentation-openai": _instrumentor("opentelemetry.instrumentation.openai"),
    "langfuse": _langfuse,
    "logfire": _logfire,
}


def _measure(name: str) -> None:
    """One line of the table: what the observer adds to each case, in microseconds."""
    cases = _sync_cases()
    bare = {case: _quartile([t for _ in range(ROUNDS) for t in _times_us(cases[case])]) for case in CASES}
    try:
        OBSERVERS[name]()
    except ImportError as error:
        print(f"{name:<42} not compared: {error}")
        return
    added = [_quartile([t for _ in range(ROUNDS) for t in _times_us(cases[case])]) - bare[case] for case in CASES]
    print(f"{name:<42}" + "".join(f"{one:>12.0f}" for one in added), flush=True)


def main() -> None:
    """Print the table."""
    if len(sys.argv) > 1:
        _measure(sys.argv[1])
        return
    print(f"{'added µs on the calling thread':<42}{'chat':>12}{'stream 50':>12}{'embedding':>12}", flush=True)
    for name in OBSERVERS:
        subprocess.run([sys.executable, __file__, name], check=False, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
