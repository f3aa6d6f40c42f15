"""What the core of the SDK costs: decorator, a recorded call, the spool, import and exit. Prints; asserts nothing."""

import os
import socket
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path

import llmobserve
from llmobserve import lifecycle
from llmobserve.context import current, wire_context
from llmobserve.spool.writer import Spool
from llmobserve.transport import MemoryTransport
from llmobserve.wire import CallEvent, Usage, new_event_id, new_span_id, now_us

EXIT = """
import time, llmobserve
from llmobserve import lifecycle
from llmobserve.context import current, wire_context
from llmobserve.wire import CallEvent, new_event_id, now_us
llmobserve.observe()
s = current()
for _ in range(10):
    e = CallEvent(event_id=new_event_id(), kind="llm", provider="openai", operation="x", start_time_us=now_us(),
                  context=wire_context(s, "0" * 16))
    lifecycle._current.recorder.record_call(e, None, s)
print(time.time())
"""


def best_us(function: Callable[[], object], number: int) -> float:
    return min(timeit.repeat(function, number=number, repeat=5)) / number * 1e6


def empty() -> None:
    return None


def decorators() -> None:
    decorated = llmobserve.step(empty)
    bare_us = best_us(empty, 100_000)
    with llmobserve.run("bench"):
        print(f"empty function               {bare_us:8.2f} µs")
        silent_us = best_us(decorated, 50_000)
        print(f"decorated, not observing     {silent_us:8.2f} µs  ({silent_us / bare_us:.0f} x)")
        with tempfile.TemporaryDirectory() as folder:
            llmobserve.observe(transport=MemoryTransport(), spool_dir=folder)
            observing_us = best_us(decorated, 4_000)
            llmobserve.shutdown(0)
        print(f"decorated, observing         {observing_us:8.2f} µs  ({observing_us / bare_us:.0f} x)")


def calls() -> None:
    with tempfile.TemporaryDirectory() as folder:
        llmobserve.observe(transport=MemoryTransport(), spool_dir=folder, flush_interval_ms=60_000)
        observation = lifecycle._current
        assert observation is not None
        with llmobserve.run("bench"), llmobserve.section("agent:a"):
            snapshot = current()
            event = CallEvent(
                event_id=new_event_id(),
                kind="llm",
                provider="openai",
                operation="chat.completions",
                request_model="gpt-5-mini",
                start_time_us=now_us(),
                usage=Usage(units={"input_text_tokens": 300, "output_text_tokens": 50}, source="response"),
                context=wire_context(snapshot, new_span_id()),
            )
            record_us = best_us(lambda: observation.recorder.record_call(event, None, snapshot), 2_000)
            context_us = best_us(lambda: wire_context(snapshot, "0" * 16), 5_000)
        llmobserve.shutdown(0)
    print(f"wire context                 {context_us:8.2f} µs")
    print(f"call recorded to disk        {record_us:8.2f} µs")


def spool() -> None:
    payload = b'{"type":"call","pad":"' + b"x" * 2000 + b'"}'
    for fsync in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            target = Spool(folder, lambda: {"process_id": "p"}, fsync=fsync)
            took_us = best_us(lambda target=target: target.write([payload]), 50 if fsync else 3_000)
            target.close()
        print(f"spool write, 2 KB, {'fsync' if fsync else 'write'}     {took_us:8.2f} µs")


def cpu_ms(code: str) -> float:
    measured = f"import time; t = time.process_time(); {code}; print((time.process_time() - t) * 1000)"
    with tempfile.TemporaryDirectory() as folder:
        # Compiled once, as an installed package is: the first run fills the cache, the best one counts.
        environ = {**os.environ, "LLMOBSERVE_SPOOL_DIR": folder, "PYTHONPYCACHEPREFIX": f"{folder}/cache"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        runs = [
            subprocess.run([sys.executable, "-c", measured], env=environ, capture_output=True, check=True)
            for _ in "123"
        ]
    return min(float(run.stdout) for run in runs)


def imports() -> None:
    print(f"import llmobserve            {cpu_ms('import llmobserve'):8.2f} ms CPU")
    print(f"import and observe()         {cpu_ms('import llmobserve; llmobserve.observe()'):8.2f} ms CPU")


def exits() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        for name, port in (("black hole", silent.getsockname()[1]), ("refused", free.getsockname()[1])):
            with tempfile.TemporaryDirectory() as folder:
                environ = {
                    **os.environ,
                    "LLMOBSERVE_COLLECTOR_URL": f"http://127.0.0.1:{port}",
                    "LLMOBSERVE_SPOOL_DIR": folder,
                }
                done = subprocess.run([sys.executable, "-c", EXIT], env=environ, capture_output=True, check=True)
                took_s = now_us() / 1e6 - float(done.stdout)
                kept = len(list(Path(folder).glob("*.seg")))
            print(f"exit, collector {name:<10}   {took_s:8.2f} s   ({kept} file kept for later)")


def main() -> None:
    """Run all."""
    decorators()
    calls()
    spool()
    imports()
    exits()


if __name__ == "__main__":
    main()
