"""What is kept of a batch besides its records: that it arrived, what its sender lost, what the process says of itself.

None of it can make a record fail: what is not as described is cut, or left out.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, cast

import msgspec

from llmobserve.wire import ProcessReport
from llmobserve_server.ingest.checks import MAX_QUANTITY
from llmobserve_server.ingest.envelope import Origin

__all__ = ["MAX_REPORT_BYTES", "loss_rows", "receipt_row", "report_row"]

MAX_REPORT_BYTES = 16 * 1024
"""Four times what the SDK sends."""
_MAX_REASONS = 64
_MAX_ENTRIES = 64
_MAX_TEXT = 200
_SOURCE = ("project_id", "received_at", "process_id", "service", "environment", "sdk", "sdk_version")
_LOSS = ("project_id", "received_at", "batch_id", "process_id", "service", "environment")

_decode = msgspec.json.Decoder(ProcessReport).decode


def receipt_row(records: int, sequences: Iterable[int | None], shared: Mapping[str, Any]) -> dict[str, Any]:
    """The row of `receipts`; refused and repeated records are counted when it is stored."""
    numbers = {number for number in sequences if number is not None}
    return {
        **{name: shared[name] for name in (*_SOURCE, "batch_id", "clock_skew_ms")},
        "records": records,
        "numbered": len(numbers),
        "first_sequence": min(numbers, default=None),
        "last_sequence": max(numbers, default=None),
    }


def loss_rows(dropped: Mapping[str, int], shared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of `losses`: at most 64 reasons, what is no count left out."""
    counted: dict[str, int] = {}
    for reason, records in dropped.items():
        if 0 < records <= MAX_QUANTITY:
            name = _text(reason)
            name = name if name in counted or len(counted) < _MAX_REASONS - 1 else "other"
            counted[name] = min(counted.get(name, 0) + records, MAX_QUANTITY)
    source = {name: shared[name] for name in _LOSS}
    return [{**source, "reason": reason, "records": records} for reason, records in counted.items()]


def report_row(raw: bytes, shared: Mapping[str, Any], source: Origin) -> dict[str, Any] | None:
    """The row of `process_reports`; `None` when there is no report, or none that can be read."""
    if not raw or len(raw) > MAX_REPORT_BYTES:
        return None
    try:
        report = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return {
        **{name: shared[name] for name in _SOURCE},
        "host": None if source.host is None else _text(source.host),
        "language": None if source.language is None else _text(source.language),
        "ended": report.ended,
        "report": _bounded(msgspec.to_builtins(report)),
    }


def _bounded(value: Any) -> Any:
    """The same with texts cut, at most 64 entries in each object and list, and numbers that every reader holds."""
    if isinstance(value, dict):
        items = islice(cast("dict[str, Any]", value).items(), _MAX_ENTRIES)
        return {_text(name): _bounded(item) for name, item in items}
    if isinstance(value, (list, tuple)):
        return [_bounded(item) for item in islice(cast("Iterable[Any]", value), _MAX_ENTRIES)]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return max(0, min(value, MAX_QUANTITY))
    return value


def _text(text: str) -> str:
    return text[:_MAX_TEXT].replace("\x00", "")
