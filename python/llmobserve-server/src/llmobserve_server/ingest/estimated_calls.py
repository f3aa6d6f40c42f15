"""Calls whose answer stated no usage: estimated again when the whole batch, with what was said in them, is there."""

from typing import TYPE_CHECKING

from llmobserve_server.estimates import Allowance, Estimator
from llmobserve_server.ingest.rows import Arrival, call_row
from llmobserve_server.pricing import Pricer

if TYPE_CHECKING:
    from llmobserve_server.ingest.batch import BatchRows

__all__ = ["REPAIRED", "estimate_again"]

REPAIRED = "Characters that cannot be stored were replaced."
"""The note on a record whose text had to be mended."""


def estimate_again(batch: "BatchRows", arrival: Arrival, pricer: Pricer, estimator: Estimator) -> None:
    """Put better estimates, and the costs that follow, into the rows of `batch.estimated`."""
    contents = {row["event_id"]: row for _, row in batch.contents}
    allowance = Allowance()
    for place, event in batch.estimated:
        position, row = batch.events[place]
        said = contents.get(row["event_id"])
        content = None if said is None else (said["input"], said["output"])
        better = estimator.improved(event, batch.project_id, row["model"] or "", batch.received_at, content, allowance)
        if better is not event:
            # The notes of the first row come again, but for the one about the text of the record.
            repaired = [note for note in row["notes"] if note == REPAIRED]
            batch.events[place] = (position, call_row(better, arrival, pricer, repaired))
