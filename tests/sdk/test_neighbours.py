"""Beside other observers: one event a call in every order, their counts as without us, and nothing left of us."""

import json
import os
import random
import subprocess
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sdk.neighbours import installed

TESTS = Path(__file__).resolve().parents[1]
OTHERS = installed()


def run(orders: list[tuple[list[str], list[str]]], python: str = sys.executable) -> list[dict[str, Any]]:
    """Each order of putting on and of taking off, in a process of its own."""
    done = subprocess.run(
        [python, str(TESTS / "sdk" / "neighbours.py"), json.dumps(orders)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"order"')]
    assert len(found) == len(orders), done.stderr
    return found


def six_orders(others: list[str]) -> list[list[str]]:
    every = [list(order) for order in permutations(["ours", *others])] if len(others) < 4 else []
    if len(every) <= 6 and every:
        return every
    shuffled = random.Random(7)
    orders: list[list[str]] = []
    for place in range(6):
        order = shuffled.sample(others, len(others))
        order.insert(place % (len(others) + 1), "ours")
        orders.append(order)
    return orders


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.skipif(not OTHERS, reason="no other observer is installed")
def test_in_every_order() -> None:
    orders = six_orders(OTHERS)
    shuffled = random.Random(11)
    # ddtrace 4.16 leaves wrappers that fail when another tool puts them back, with and without us.
    removals = [["ours"] if "ddtrace" in order else shuffled.sample(order, len(order)) for order in orders]
    together = run(list(zip(orders, removals, strict=True)))
    alone = run([([name for name in order if name != "ours"], []) for order in orders])
    for with_us, without_us in zip(together, alone, strict=True):
        counts = with_us["counts"]
        assert counts.pop("ours") == with_us["calls"] == 6
        assert counts == without_us["counts"]
        is_on = True
        for name, added in with_us["removed"]:
            is_on = is_on and name != "ours"
            assert added == (6 if is_on else 0), (with_us["order"], with_us["removed"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_nothing_is_left_of_us() -> None:
    (found,) = run([(["ours"], ["ours"])])
    assert found["restored"]
    assert found["removed"] == [["ours", 0]]
