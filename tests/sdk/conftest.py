"""Fixtures of several tests of the SDK; none is used unless a test asks for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback.delivery import SOURCE, closed_connections

from llmobserve import context
from llmobserve.context import OpenSpan
from llmobserve.spool.writer import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool of the test; what sends it is closed with the test."""
    with closed_connections():
        yield Spool(str(tmp_path / "spool"), lambda: dict(SOURCE))


@pytest.fixture
def spans() -> Iterator[list[OpenSpan]]:
    """Outside of any run; gives the sections that have ended."""
    before = context.put(context.Snapshot(None, context.Facts()))
    found: list[OpenSpan] = []
    context.set_span_sink(found.append)
    yield found
    context.set_span_sink(None)
    context.put(before)
