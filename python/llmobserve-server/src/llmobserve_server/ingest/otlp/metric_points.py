"""Data points of a metric as our messages, from the fields that both encodings call the same."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast, get_args

from llmobserve_server.ingest.otlp.messages import OtlpPoint, Sender

__all__ = ["PointKind", "points_of"]

PointKind = Literal["gauge", "sum", "histogram", "exponential_histogram", "summary"]
_KINDS = frozenset(get_args(PointKind))


def points_of(
    metric: str, unit: str, kind: str, temporality: int, sender: Sender, points: Iterable[Mapping[str, Any]]
) -> list[OtlpPoint]:
    """The points of one metric; none of a kind that is not known."""
    if kind not in _KINDS:
        return []
    known = cast("PointKind", kind)
    return [_point(metric, unit, known, temporality, sender, point) for point in points]


def _point(
    metric: str, unit: str, kind: PointKind, temporality: int, sender: Sender, point: Mapping[str, Any]
) -> OtlpPoint:
    value = point.get("as_double", point.get("as_int"))
    return OtlpPoint(
        metric=metric,
        unit=unit,
        kind=kind,
        temporality=temporality,
        start_ns=point.get("start_time_unix_nano", 0),
        time_ns=point.get("time_unix_nano", 0),
        value=point.get("sum") if value is None else value,
        count=point.get("count"),
        attributes=point.get("attributes", {}),
        sender=sender,
    )
