"""A collector that is away for long, and disks that are full or cannot be written: what was made is somewhere.

`OUTAGE_S=180 ./dev test tests/processes/test_collector_away.py` lets the collector be away for three minutes.
"""

import json
import os
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from e2e.collector import wait_until

from processes.gate import Gate
from processes.ledger import Case, spooled_records

OUTAGE_S = float(os.environ.get("OUTAGE_S", "5"))

LOAD = """
import json, os, sys, threading, time
import llmobserve
from calls import ask
llmobserve.observe(capture_content=True)

def rss_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

def work(until_s):
    while time.monotonic() < until_s:
        ask("load", "x" * 3000)

def load(seconds):
    threads = [threading.Thread(target=work, args=(time.monotonic() + seconds,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

load(1)
before_mb = rss_mb()
load(float(os.environ["OUTAGE_S"]))
print(json.dumps({"before_mb": before_mb, "after_mb": rss_mb(), **llmobserve.status()}), flush=True)
input()
began = time.monotonic()
complete = llmobserve.flush(60 + 2 * float(os.environ["OUTAGE_S"]))
print(json.dumps({"complete": complete, "took_s": time.monotonic() - began, **llmobserve.status()}), flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read in /proc")
@pytest.mark.timeout(300 + 3 * OUTAGE_S)
def test_everything_arrives_when_the_collector_is_back(case: Case) -> None:
    with Gate(case.collector.url) as gate:
        process = case.start(LOAD, LLMOBSERVE_COLLECTOR_URL=gate.url, OUTAGE_S=str(OUTAGE_S))
        with process:
            away = heard(process)
            assert away["state"] == "backing_off"
            print(f"{away['created']} records, memory grew by {away['after_mb'] - away['before_mb']:.1f} MB")
            assert away["after_mb"] - away["before_mb"] <= 30
            assert (away["lost"], away["sent"]) == ({}, 0)
            assert away["created"] == spooled_records(case.spool) + away["in_memory"]
            assert size_of(case.spool) <= 256 * 1024 * 1024
            gate.open()
            back = said(process, "\n")
            print(f"{back['sent']} records delivered in {back['took_s']:.1f} s")
            assert back["complete"]
            assert (back["lost"], back["sent"]) == ({}, back["created"])
    case.check()


COUNTED = """
import json, os, sys
import llmobserve
from calls import ask
llmobserve.observe(capture_content=True)
for line in sys.stdin:
    for number in range(int(line)):
        ask(str(number), "x" * 20_000)
    print(json.dumps(llmobserve.status()), flush=True)
"""


@contextmanager
def small_disk(at: Path, size: str) -> Generator[None]:
    at.mkdir(parents=True)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", at]).returncode:
        pytest.skip("a small disk can be mounted by root only; tests/sdk/test_spool.py simulates it")
    try:
        yield
    finally:
        subprocess.run(["umount", at], check=True)


def test_a_full_disk_costs_prompts_before_calls(case: Case) -> None:
    """2 MB for 200 calls with 20 kB of prompt each: memory takes what the disk does not, and all of it arrives."""
    with small_disk(case.spool, "2m"), Gate(case.collector.url) as gate:
        process = case.start(COUNTED, LLMOBSERVE_COLLECTOR_URL=gate.url)
        with process:
            away = said(process, "200\n")
            on_disk = spooled_records(case.spool)
            assert 0 < on_disk < away["created"]
            assert size_of(case.spool) <= 2_000_000
            assert away["in_memory"] > 50
            assert away["created"] == on_disk + away["in_memory"]
            assert away["lost"] == {}
            gate.open()
            wait_until(lambda: len(case.collector.calls(q=f"service:{case.service}")) == 200, 60)
            process.kill()
        case.check()


def test_a_full_disk_while_the_collector_answers_costs_nothing(case: Case) -> None:
    with small_disk(case.spool, "64k"):
        process = case.start(COUNTED)
        with process:
            said(process, "30\n")
            wait_until(lambda: len(case.collector.calls(q=f"service:{case.service}")) == 30, 60)
            assert said(process, "0\n")["lost"] == {}
            process.kill()
        case.check()


def test_beyond_disk_and_memory_losses_are_counted_and_told(case: Case) -> None:
    """Bounds a hundred times as small as usual: what is not stored in the end is what was said to be lost."""
    program = COUNTED.replace("import llmobserve\n", "import llmobserve\nimport llmobserve.spool.writer as writer\n", 1)
    program = program.replace(
        "llmobserve.observe(capture_content=True)",
        "bounds = writer.Limits(segment_bytes=50_000, directory_bytes=3_000_000)\n"
        "writer.Limits = lambda: bounds\nllmobserve.observe(capture_content=True)",
    )
    with Gate(case.collector.url) as gate:
        process = case.start(program, LLMOBSERVE_COLLECTOR_URL=gate.url)
        with process:
            away = said(process, "200\n")
            lost = away["lost"]
            assert lost.keys() == {"spool_full_content"}, "calls go last"
            assert away["created"] == spooled_records(case.spool) + away["in_memory"] + sum(lost.values())
            gate.open()
            wait_until(lambda: len(case.collector.calls(q=f"service:{case.service}")) == 200, 60)
            process.kill()
    case.check()
    assert {entry["reason"]: entry["records"] for entry in case.health()["losses"]} == lost


def test_a_directory_that_can_be_written_again(case: Case) -> None:
    """Nothing can be kept on disk at first; what waited in memory is on disk before the process is killed."""
    case.spool.write_text("in the way")
    process = case.start(COUNTED, LLMOBSERVE_COLLECTOR_URL="http://127.0.0.1:1")
    with process:
        first = said(process, "10\n")
        assert first["unwritable"]
        assert first["in_memory"] == first["created"]
        case.spool.unlink()
        wait_until(lambda: said(process, "1\n")["in_memory"] == 0, 30)
        process.send_signal(signal.SIGKILL)
    assert len(case.ledger.answered) > 10
    case.flush()
    case.check()


def heard(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def said(process: "subprocess.Popen[str]", text: str) -> dict[str, Any]:
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.flush()
    return heard(process)


def size_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.glob("*.seg"))
