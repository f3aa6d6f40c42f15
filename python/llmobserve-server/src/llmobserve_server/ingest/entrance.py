"""What every entrance of the collector is: a function from decompressed text to the rows of one batch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from llmobserve_server.estimates import Estimator
from llmobserve_server.ingest.batch import BatchRows, batch_rows
from llmobserve_server.ingest.envelope import open_envelope
from llmobserve_server.pricing import Pricer

__all__ = ["Arriving", "Entrance", "name_of", "native_batch"]


@dataclass(frozen=True, slots=True)
class Arriving:
    """What an entrance is told about the body that it reads."""

    project_id: str
    """Of the credential; the body cannot name another."""
    received_us: int
    """By this machine's clock."""
    pricer: Pricer
    estimator: Estimator | None


Entrance = Callable[[bytes, Arriving], BatchRows]
"""Reads a body on a decoding thread. Raises BadRequest for what is no batch at all."""


def name_of(entrance: Entrance) -> str:
    """`native`, `otlp` or `foreign`: by the part of this package that its function is in."""
    function = entrance.func if isinstance(entrance, partial) else entrance
    part = function.__module__.removeprefix(f"{__package__}.").partition(".")[0]
    return "native" if part == "entrance" else part


def native_batch(text: bytes, arriving: Arriving) -> BatchRows:
    """A batch of events as `wire.Batch` describes it."""
    envelope = open_envelope(text)
    return batch_rows(envelope, arriving.project_id, arriving.received_us, arriving.pricer, arriving.estimator)
