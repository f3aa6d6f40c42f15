"""The ledger check: what a provider says it answered is what the collector's API says was called, once and to the cent.

Each answer has a number of its own, which is also its number of output tokens: so a stored call is told by its usage,
and its cost follows from the number.
"""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from e2e.collector import LLMOBSERVE, Collector
from loopback.server import Answer, Loopback, Received

__all__ = ["Case", "Ledger", "spooled_records"]

_HANG_S = 90.0
_INPUT_TOKENS = 10
_INPUT_USD, _OUTPUT_USD = Decimal("0.15") / 1_000_000, Decimal("0.60") / 1_000_000
"""gpt-4o-mini, a token: https://openai.com/api/pricing, November 2026."""


class Ledger:
    """Answers chat completions, each with a number of its own, and notes it."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.answered: list[int] = []
        self.names: dict[int, str] = {}
        """Number → what the request said after `name:`."""
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._delay_s = delay_s

    def __call__(self, request: Received) -> Answer:
        name = re.search(rb"name:([\w.-]+)", request.body)
        with self._lock:
            number = next(self._numbers)
            self.answered.append(number)
            self.names[number] = name[1].decode() if name else ""
        usage = {
            "prompt_tokens": _INPUT_TOKENS,
            "completion_tokens": number,
            "total_tokens": _INPUT_TOKENS + number,
        }
        message = {"role": "assistant", "content": "Hello", "refusal": None}
        body = {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": 1750000000,
            "model": "gpt-4o-mini-2024-07-18",
            "service_tier": "default",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }
        headers = {"content-type": "application/json"}
        return Answer(headers=headers, body=json.dumps(body).encode(), delay_s=self._delay_s)


@dataclass(frozen=True)
class Case:
    """A provider with its ledger, a collector, and the environment of a program that calls the one, observed."""

    collector: Collector
    server: Loopback
    ledger: Ledger
    service: str
    """Of this case alone: the collector may have calls of others."""
    spool: Path

    def environ(self, **more: str) -> dict[str, str]:
        """Environment of an observed program that may import `calls`."""
        ours = {
            "LLMOBSERVE_COLLECTOR_URL": self.collector.url,
            "LLMOBSERVE_HOSTS": f"{self.server.netloc}=openai",
            "LLMOBSERVE_SERVICE": self.service,
            "LLMOBSERVE_SPOOL_DIR": str(self.spool),
            "PROVIDER_URL": self.server.url,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")])),
        }
        return os.environ | ours | more

    def run(self, program: str, *, status: int = 0, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run the text of a program to its end."""
        path = self.spool.with_name("program.py")
        path.write_text(program)
        command = [sys.executable, str(path)]
        done = subprocess.run(
            command, env=self.environ(**more), capture_output=True, text=True, timeout=_HANG_S, check=False
        )
        assert done.returncode == status, done.stderr
        assert done.stderr == "", done.stderr
        return done

    def start(self, program: str, **more: str) -> "subprocess.Popen[str]":
        """Start the text of a program; what it prints can be read, and it can be written to."""
        path = self.spool.with_name("program.py")
        path.write_text(program)
        return subprocess.Popen(
            [sys.executable, str(path)],
            env=self.environ(**more),
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )

    def flush(self, **more: str) -> dict[str, Any]:
        """What `llmobserve flush` reports, which has to succeed."""
        command = [str(LLMOBSERVE), "flush", "--json"]
        done = subprocess.run(
            command, env=self.environ(**more), capture_output=True, text=True, timeout=_HANG_S, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def check(self, *, may_be_missing: Iterable[int] = ()) -> list[dict[str, Any]]:
        """Every answered call is stored once, at its cost, and nothing else is; returns the rows.

        `may_be_missing`: numbers whose answers had not reached the program when it ended. A call that was under way
        when the program ended may be stored as one that was broken off.
        """
        mine = f"service:{self.service}"
        every = self.collector.calls(q=mine)
        rows = [row for row in every if row["status"] != "abandoned"]
        broken_off = len(every) - len(rows)
        stored = [int(row["output_tokens"]) for row in rows]
        answered = set(self.ledger.answered)
        assert len({row["event_id"] for row in rows}) == len(rows)
        assert len(stored) == len(set(stored)), "a call is there twice"
        assert len(answered - set(stored) - set(may_be_missing)) <= broken_off, "calls are lost"
        assert set(stored) <= answered, "calls that nobody made"
        cost = sum((_INPUT_TOKENS * _INPUT_USD + number * _OUTPUT_USD for number in stored), Decimal(0))
        assert sum((Decimal(row["cost_usd"]) for row in rows), Decimal(0)) == cost
        if rows:
            assert Decimal(self.collector.get("totals", group_by="model", q=mine)["total"]["spend"]["cost_usd"]) == cost
        if not may_be_missing:  # a program that is killed may die between numbering a record and writing it
            for gap in self.health()["gaps"]:
                assert gap["expected"] == gap["arrived"], gap
        return rows

    def health(self) -> dict[str, Any]:
        """How complete the collector takes its data of this case to be."""
        return self.collector.get("health/data", service=self.service)


def spooled_records(directory: Path) -> int:
    """Records in the segment files of a spool directory, counted without the help of the SDK's reader."""
    total = 0
    for path in directory.glob("*.seg"):
        data, at = path.read_bytes(), 0
        while at + 8 <= len(data):
            length = int.from_bytes(data[at : at + 4], "big")
            payload = data[at + 8 : at + 8 + length]
            total += not payload.startswith((b'{"type":"segment"', b'{"type":"dropped"'))
            at += 8 + length
    return total
