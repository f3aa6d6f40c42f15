"""Cuts records into batches that the collector takes, and puts them on the wire."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmobserve.spool.segment import is_content
from llmobserve.wire import WIRE_VERSION, batch_to_json, now_us

__all__ = ["Parcel", "halves", "parcels"]

_EVENTS = 500
_BYTES = 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Parcel:
    """Records that are posted together."""

    batch_id: str
    """Same for the same records however often they are sent, so that the collector knows a repetition."""
    source: Mapping[str, Any]
    records: Sequence[bytes]
    dropped: Mapping[str, int] = field(default_factory=dict[str, int])
    report: Mapping[str, Any] | None = None
    """Wire form of a `ProcessReport`."""

    def body(self) -> bytes:
        """The batch as JSON, stamped with the time of this attempt."""
        head: dict[str, Any] = {
            "version": WIRE_VERSION,
            "batch_id": self.batch_id,
            "sent_at_us": now_us(),
            "source": self.source,
        }
        if self.dropped:
            head["dropped"] = self.dropped
        if self.report is not None:
            head["report"] = self.report
        return batch_to_json(head, list(self.records))


def parcels(
    name: str, source: Mapping[str, Any], records: Sequence[bytes], dropped: Mapping[str, int]
) -> Iterator[Parcel]:
    """Parcels of at most 500 records or 1 MB; a single larger record goes alone. Losses travel with the first.

    What was said in a call goes with the call, so that who takes the parcel can put them together.

    Losses without any record make a parcel of their own, so that they are reported at all.
    """
    part, start = 0, 0
    while start < len(records) or (part == 0 and dropped):
        stop, size = start, 0
        while stop < len(records) and (
            stop == start
            or (is_content(records[stop]) and not is_content(records[stop - 1]))
            or (stop - start < _EVENTS and size + len(records[stop]) <= _BYTES)
        ):
            size += len(records[stop])
            stop += 1
        yield Parcel(
            batch_id=f"{name}.{part}",
            source=source,
            records=records[start:stop],
            dropped=dropped if part == 0 else {},
        )
        part, start = part + 1, stop


def halves(parcel: Parcel) -> tuple[Parcel, Parcel]:
    """The same records in two parcels, for a collector that finds one too big."""
    middle = len(parcel.records) // 2
    first = Parcel(
        batch_id=f"{parcel.batch_id}.0",
        source=parcel.source,
        records=parcel.records[:middle],
        dropped=parcel.dropped,
    )
    return first, Parcel(batch_id=f"{parcel.batch_id}.1", source=parcel.source, records=parcel.records[middle:])
