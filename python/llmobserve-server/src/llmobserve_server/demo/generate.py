"""The example data of some months as batches, oldest first: pure, the same for the same arguments."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from llmobserve.wire import WIRE_VERSION, Batch, Record, Source
from llmobserve_server.demo.apps import PLAYS, RUN_NAMES
from llmobserve_server.demo.dice import Dice
from llmobserve_server.demo.report import process_report
from llmobserve_server.demo.tape import Failure, Fault, RunFacts, Tape
from llmobserve_server.demo.world import (
    APPS,
    CUSTOMERS,
    HOUR_LOAD,
    INCIDENT,
    MIGRATION_DAYS_AGO,
    SPIKE,
    WEEKDAY_LOAD,
    App,
)

__all__ = ["MAX_BATCH_RECORDS", "generate", "workday"]

MAX_BATCH_RECORDS = 1000
_DAY_US = 86_400_000_000
_HOUR_US = 3_600_000_000
_OPEN_FOR_US = {
    "coding-agent": (25_000_000, 35_000_000),
    "research-agent": (40_000_000, 50_000_000),
    "data-analyst": (10_000_000, 13_000_000),
}
"""How long ago the runs that are still open began: long enough for some calls, too short to be done."""
_EVERYDAY_FAULTS = (
    Fault("openai", 0.006, 429, "RateLimitError", "Rate limit reached for requests per minute: try again in 1.2 s"),
    Fault("anthropic", 0.004, 529, "OverloadedError", "Overloaded"),
    Fault(
        "azure_openai", 0.010, 429, "RateLimitError", "Requests have exceeded the token rate limit of this deployment"
    ),
)


def generate(days: int = 90, scale: float = 1.0, seed: int = 7, now_us: int = 0) -> Iterator[Batch]:
    """Batches of one day and one sending process each, up to `now_us` (microseconds since 1970 UTC).

    `scale` multiplies the number of runs: 1 gives about 45,000 events in 90 days. Some runs are still open at
    `now_us`. Raises ValueError for arguments out of range.
    """
    if not 1 <= days <= 3650 or not 0 < scale <= 1000:
        raise ValueError("days must be 1 to 3650 and scale above 0, at most 1000")
    today_us = now_us - now_us % _DAY_US
    for days_ago in range(days - 1, -1, -1):
        day_us = today_us - days_ago * _DAY_US
        growth = 0.72 + 0.5 * (1 - days_ago / days)
        day = _Day(seed, days_ago, day_us, scale * growth, now_us)
        yield from day.batches()


def workday(days_ago: int, now_us: int) -> int:
    """The day so many days ago as it is counted in the data; the Friday before where that was at a weekend."""
    weekday = datetime.fromtimestamp(now_us // 1_000_000 - days_ago * 86_400, UTC).weekday()
    return days_ago + max(0, weekday - 4)


class _Day:
    """All that happens on one day."""

    def __init__(self, seed: int, days_ago: int, day_us: int, load: float, now_us: int) -> None:
        self._dice = Dice(f"{seed}:{day_us}")
        self._days_ago = days_ago
        self._day_us = day_us
        self._load = load
        self._now_us = now_us

    def batches(self) -> Iterator[Batch]:
        for app in APPS:
            for environment, share in (("production", 1 - app.staging_share), ("staging", app.staging_share)):
                records = list(self._records(app, environment, share))
                source = Source(
                    process_id=self._dice.digits(16),
                    sdk="llmobserve-demo",
                    sdk_version="1.0.0",
                    language="python",
                    service=app.name,
                    environment=environment,
                    host=f"{app.name}-{self._dice.whole(1, 3)}",
                )
                for first in range(0, len(records), MAX_BATCH_RECORDS):
                    yield Batch(
                        version=WIRE_VERSION,
                        batch_id=self._dice.digits(32),
                        sent_at_us=self._now_us,
                        source=source,
                        events=tuple(records[first : first + MAX_BATCH_RECORDS]),
                        report=None if first else process_report(records, self._now_us, ended=self._days_ago > 0),
                    )

    def _records(self, app: App, environment: str, share: float) -> Iterator[Record]:
        starts = sorted(self._starts(app.runs_per_day * share * self._load))
        for start_us in starts:
            yield from self._run(app, environment, start_us, self._customer(app))
        spiked = self._days_ago == workday(SPIKE.days_ago, self._now_us)
        if spiked and app.name == SPIKE.app and environment == "production":
            for number in range(round(SPIKE.runs * self._load)):
                start_us = self._day_us + 9 * _HOUR_US + number * 11 * 60_000_000 // max(1, round(self._load))
                yield from self._run(app, environment, start_us, SPIKE.customer)
        if self._days_ago == 0 and environment == "production":
            yield from self._open_run(app)

    def _starts(self, expected: float) -> Iterable[int]:
        weekday = datetime.fromtimestamp(self._day_us / 1_000_000, UTC).weekday()
        hours = [expected * WEEKDAY_LOAD[weekday] * share / 24 for share in HOUR_LOAD]
        for hour, mean in enumerate(hours):
            for _ in range(self._dice.count(mean)):
                yield self._day_us + hour * _HOUR_US + self._dice.whole(0, _HOUR_US - 1)

    def _customer(self, app: App) -> str | None:
        if not app.customers or self._dice.chance(0.03):
            return None
        return self._dice.zipf(CUSTOMERS)

    def _open_run(self, app: App) -> Iterator[Record]:
        """A run of the long-lived applications that has begun and not ended at `now_us`."""
        if app.name not in _OPEN_FOR_US:
            return
        start_us = self._now_us - self._dice.whole(*_OPEN_FOR_US[app.name])
        yield from self._run(app, "production", start_us, self._customer(app))

    def _run(self, app: App, environment: str, start_us: int, customer: str | None) -> Iterator[Record]:
        if start_us > self._now_us:
            return
        dice = self._dice
        facts = RunFacts(
            app=app,
            name=dice.pick(RUN_NAMES[app.name]),
            start_us=start_us,
            customer=customer,
            user=f"{customer}:u{dice.zipf(range(1, 25))}" if customer else f"staff:{dice.zipf(range(1, 15))}",
            session=self._session(app, customer),
            tags=(app.team, *(("beta",) if dice.chance(0.1) else ())),
            metadata=_metadata(customer),
            faults=self._faults(start_us, environment),
            stop_us=self._now_us,
        )
        tape = Tape(dice, facts)
        try:
            with tape.section("run", facts.name):
                PLAYS[app.name](tape, self._migrated(app))
        except Failure:
            pass  # the run's own span carries the error
        yield from tape.records

    def _session(self, app: App, customer: str | None) -> str | None:
        if app.name not in {"support-bot", "data-analyst", "rag-search"}:
            return None
        return f"{app.name[:3]}-{self._days_ago}-{customer or 'staff'}-{self._dice.whole(1, 3)}"

    def _migrated(self, app: App) -> bool:
        return self._days_ago < MIGRATION_DAYS_AGO - (3 if app.name == "rag-search" else 0)

    def _faults(self, start_us: int, environment: str) -> tuple[Fault, ...]:
        hour = (start_us - self._day_us) // _HOUR_US
        incident = self._days_ago == workday(INCIDENT.days_ago, self._now_us)
        if incident and INCIDENT.from_hour <= hour < INCIDENT.to_hour:
            trouble = Fault(INCIDENT.provider, INCIDENT.failure_share, 529, "OverloadedError", "Overloaded")
            return (trouble, *_EVERYDAY_FAULTS)
        if environment == "staging":
            denied = "Incorrect API key provided: sk-...x9Qd"
            return (Fault("openai", 0.03, 401, "AuthenticationError", denied), *_EVERYDAY_FAULTS)
        return _EVERYDAY_FAULTS


def _metadata(customer: str | None) -> dict[str, str]:
    """Region and plan, always the same for one customer."""
    if customer is None:
        return {"region": "eu", "plan": "internal"}
    place = sum(customer.encode())
    return {
        "region": ("eu", "us", "apac")[place % 7 % 3],
        "plan": ("enterprise", "team", "team", "starter", "starter")[place % 5],
    }
