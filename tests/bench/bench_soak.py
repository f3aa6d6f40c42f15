"""Memory, threads and open files over very many calls: they must not grow. `SOAK_CALLS=200000 ./dev bench soak`.

Provider and collector live in a process of their own, so that what is measured is the observed process alone.
"""

import gzip
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CALLS = int(os.environ.get("SOAK_CALLS", "20000"))
THREADS = 4
SAMPLES = 20
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1750000000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
).encode()
REQUEST = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x" * 500}]}).encode()


def serve() -> None:
    """Answers as provider and as collector; says at the end what the collector has got."""
    seen: set[str] = set()
    records = [0, 0]  # received, lost by the sender's own account

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = ANSWER
            if self.path == "/v1/events":
                batch = json.loads(gzip.decompress(body))
                seen.update(event["event_id"] for event in batch["events"] if event["type"] == "call")
                records[0] += len(batch["events"])
                records[1] += sum(batch.get("dropped", {}).values())
                answer = json.dumps({"accepted": len(batch["events"])}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.readline()
    print(json.dumps({"calls": len(seen), "records": records[0], "lost": records[1]}), flush=True)


def observed(port: int) -> None:
    """Calls and measures; prints one JSON object."""
    import llmobserve

    llmobserve.observe(
        collector_url=f"http://127.0.0.1:{port}", hosts={f"127.0.0.1:{port}": "openai"}, capture_content=True
    )
    done, lock = [0], threading.Lock()

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            with lock:
                if done[0] == CALLS:
                    break
                done[0] += 1
            with llmobserve.run("soak"), llmobserve.section("agent:caller"):
                connection.request("POST", "/v1/chat/completions", REQUEST, {"content-type": "application/json"})
                connection.getresponse().read()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    samples: list[dict[str, float]] = []
    for number in range(1, SAMPLES + 1):
        while done[0] < CALLS * number // SAMPLES:
            time.sleep(0.02)
        samples.append({"calls": done[0], "rss_mb": _rss_mb(), "threads": _threads(), "files": _files()})
    for thread in threads:
        thread.join()
    took_s = time.perf_counter() - began
    complete = llmobserve.flush(60)
    print(json.dumps({"samples": samples, "took_s": took_s, "complete": complete, "status": llmobserve.status()}))


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def slope(points: list[tuple[float, float]]) -> float:
    """Of the straight line through the points, by least squares."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def main() -> None:
    if not Path("/proc/self/statm").exists():
        print("needs /proc")
        return
    with tempfile.TemporaryDirectory() as folder:
        environ = os.environ | {"LLMOBSERVE_SPOOL_DIR": folder}
        servers = subprocess.Popen(
            [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with servers:
            assert servers.stdin is not None
            assert servers.stdout is not None
            port = servers.stdout.readline().strip()
            run = subprocess.run(
                [sys.executable, __file__, "observed", port], env=environ, stdout=subprocess.PIPE, check=True
            )
            servers.stdin.write("\n")
            servers.stdin.flush()
            stored = json.loads(servers.stdout.readline())
    _tell(json.loads(run.stdout), stored)


def _tell(told: dict[str, Any], stored: dict[str, int]) -> None:
    samples = told["samples"]
    print(f"{'calls':>10} {'RSS MB':>8} {'threads':>8} {'files':>6}")
    for sample in samples[:: max(1, SAMPLES // 10)]:
        print(f"{sample['calls']:>10} {sample['rss_mb']:>8.1f} {sample['threads']:>8} {sample['files']:>6}")
    settled = [(sample["calls"], sample["rss_mb"]) for sample in samples[SAMPLES // 4 :]]
    growth_mb = slope(settled) * 100_000
    status = told["status"]
    print(f"growth after the first quarter  {growth_mb:8.2f} MB for 100,000 calls")
    print(f"calls made and stored           {CALLS} {stored['calls']}  in {told['took_s']:.0f} s")
    print(f"records made, received, lost    {status['created']} {stored['records']} {sum(status['lost'].values())}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    elif sys.argv[1:2] == ["observed"]:
        observed(int(sys.argv[2]))
    else:
        main()
