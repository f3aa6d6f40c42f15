"""Days, weeks and months as a reader counts them: time buckets in a time zone, the same in every engine.

The zone's offsets within the window are worked out here and handed to the engine as plain shifts of time: engines
differ in what they know of zones, and converting each row is slow.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import ColumnElement, case

from llmobserve_server.errors import BadRequest
from llmobserve_server.query.window import Window
from llmobserve_server.store.constructs import time_bucket

__all__ = ["UNITS", "Unit", "bucket", "bucket_start", "has_whole_hours", "is_utc", "zone"]

Unit = Literal["minute", "hour", "day", "week", "month"]
UNITS: tuple[str, ...] = get_args(Unit)
_CLOCK = frozenset(("minute", "hour"))
_HOUR = timedelta(hours=1)


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def zone(name: str | None) -> ZoneInfo:
    """The zone with an IANA name; UTC for `None`. Raises BadRequest for a name that does not exist."""
    if name is None or name == "UTC":
        return ZoneInfo("UTC")
    if name not in _known_zones():
        raise BadRequest(f"there is no time zone {name[:60]!r}; use a name such as Europe/Vienna", field="tz")
    return ZoneInfo(name)


def bucket(column: ColumnElement[Any], unit: Unit, tz: ZoneInfo, window: Window) -> ColumnElement[Any]:
    """Beginning of the bucket that a time lies in, as local time; minutes and hours begin as in UTC."""
    if unit in _CLOCK:
        return time_bucket(column, unit)
    changes = _offsets(tz, window)
    last = column + changes[-1][1] if changes[-1][1] else column
    if len(changes) == 1:
        return time_bucket(last, unit)
    whens = [(column < changes[index + 1][0], column + offset) for index, (_, offset) in enumerate(changes[:-1])]
    return time_bucket(case(*whens, else_=last), unit)


def bucket_start(moment: datetime, unit: Unit, tz: ZoneInfo) -> datetime:
    """The beginning of a bucket in UTC, from what `bucket` gave."""
    if unit in _CLOCK:
        return moment.replace(tzinfo=UTC)
    return moment.replace(tzinfo=tz).astimezone(UTC)


def has_whole_hours(tz: ZoneInfo, window: Window) -> bool:
    """Whether every day of the zone in the window begins with an hour of UTC."""
    return all(
        offset % _HOUR == timedelta() and (number == 0 or (moment.minute, moment.second) == (0, 0))
        for number, (moment, offset) in enumerate(_offsets(tz, window))
    )


def is_utc(tz: ZoneInfo, window: Window) -> bool:
    """Whether the zone's days are those of UTC in the window."""
    return all(not offset for _, offset in _offsets(tz, window))


def _offset(tz: ZoneInfo, moment: datetime) -> timedelta:
    return moment.replace(tzinfo=UTC).astimezone(tz).utcoffset() or timedelta()


def _offsets(tz: ZoneInfo, window: Window) -> list[tuple[datetime, timedelta]]:
    """Offsets from UTC that hold in the window, each with the time from which it does."""
    found = [(window.start, _offset(tz, window.start))]
    step = timedelta(days=7)
    moment = window.start
    while moment < window.end:
        following = min(moment + step, window.end)
        if _offset(tz, following) != found[-1][1]:
            changed = _change_between(tz, moment, following)
            found.append((changed, _offset(tz, changed)))
        moment = following
    return found


def _change_between(tz: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first full minute at which the zone's offset is no longer that of `before`."""
    old = _offset(tz, before)
    low, high = before.replace(second=0, microsecond=0), after
    while high - low > timedelta(minutes=1):
        middle = (low + (high - low) / 2).replace(second=0, microsecond=0)
        if middle <= low:
            break
        low, high = (middle, high) if _offset(tz, middle) == old else (low, middle)
    return high.replace(second=0, microsecond=0)
