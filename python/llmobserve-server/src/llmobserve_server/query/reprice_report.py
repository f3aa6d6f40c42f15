"""What a re-pricing says: its order, its progress, and the differences by model and month."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from llmobserve.wire import CostState
from llmobserve_server.query.answers import Model, Money

__all__ = ["MAX_ROWS", "Differences", "Group", "RepriceFilter", "RepriceJob", "RepriceRow", "Status"]

Status = Literal["running", "done", "failed"]

MAX_ROWS = 1000
"""Rows of an answer; the totals hold what is beyond."""
_MAX_GROUPS = 20_000
_OTHER = ("", "(other)")


class RepriceFilter(Model):
    """Which calls are priced again; `None` = whatever it is."""

    time_from: datetime | None = None
    time_to: datetime | None = None
    """Exclusive."""
    provider: str | None = None
    model: str | None = None
    """Name as it is shown, requested or served."""
    state: CostState | None = None
    """State of the cost that is said now."""


class RepriceRow(Model):
    """Calls of one model in one month, before and after."""

    provider: str
    model: str
    """As it was shown before; empty where none was named."""
    month: str
    """`YYYY-MM` in UTC; empty for the total."""
    calls: int
    changed: int
    """Calls whose amount, state, model or rates are others."""
    old_usd: Money | None
    """Sum of what was known; `None` when no amount was."""
    new_usd: Money | None
    difference_usd: Money
    """By how much the sum of known amounts changes."""
    states_before: dict[str, int]
    states_after: dict[str, int]


class RepriceJob(Model):
    """A re-pricing: dry runs change nothing."""

    id: str
    project_id: str
    dry_run: bool
    status: Status
    error: str | None
    """Why it failed; what was applied until then stays, and asking again does the rest."""
    created_at: datetime
    finished_at: datetime | None
    actor: str
    filter: RepriceFilter
    price_book: str
    """Version that the calls are priced with."""
    calls_found: int
    """Calls of the filter when it began; `calls_done` may end a little apart from it."""
    calls_done: int
    rows: list[RepriceRow]
    """By the size of the difference; the largest 1000. Empty while it runs, as is the total."""
    truncated: bool
    total: RepriceRow


@dataclass(slots=True)
class Group:
    """Sums of one row."""

    calls: int = 0
    changed: int = 0
    old_usd: Decimal = Decimal(0)
    new_usd: Decimal = Decimal(0)
    before: Counter[str] = field(default_factory=Counter[str])
    after: Counter[str] = field(default_factory=Counter[str])

    def add(self, other: "Group") -> None:
        """Add the sums of another group."""
        self.calls += other.calls
        self.changed += other.changed
        self.old_usd += other.old_usd
        self.new_usd += other.new_usd
        self.before.update(other.before)
        self.after.update(other.after)


Said = tuple[str, Decimal | None]
"""State and amount."""

Key = tuple[str, str, str]
"""Provider, model, month."""


class Differences:
    """Sums by provider, model and month."""

    def __init__(self) -> None:
        self.groups: dict[Key, Group] = {}

    def count(self, key: Key, old: Said, new: Said, *, changed: bool) -> None:
        """Count one call by its state and amount before and after."""
        group = self._group(key)
        group.calls += 1
        group.changed += changed
        group.old_usd += old[1] or 0
        group.new_usd += new[1] or 0
        group.before[old[0]] += 1
        group.after[new[0]] += 1

    def add(self, other: "Differences") -> None:
        """Add all sums of another one."""
        for key, group in other.groups.items():
            self._group(key).add(group)

    def with_also(self, other: "Differences") -> "Differences":
        """A new one with the sums of both."""
        both = Differences()
        both.add(self)
        both.add(other)
        return both

    def to_facts(self) -> list[dict[str, Any]]:
        """As plain values for `reprice_log`; decimals stay decimals."""
        return [
            {
                "key": list(key),
                "calls": group.calls,
                "changed": group.changed,
                "old_usd": group.old_usd,
                "new_usd": group.new_usd,
                "before": dict(group.before),
                "after": dict(group.after),
            }
            for key, group in self.groups.items()
        ]

    @classmethod
    def from_facts(cls, facts: Iterable[Mapping[str, Any]]) -> "Differences":
        """The opposite of `to_facts`."""
        result = cls()
        for one in facts:
            provider, model, month = one["key"]
            result._group((provider, model, month)).add(
                Group(
                    calls=one["calls"],
                    changed=one["changed"],
                    old_usd=Decimal(str(one["old_usd"])),
                    new_usd=Decimal(str(one["new_usd"])),
                    before=Counter(one["before"]),
                    after=Counter(one["after"]),
                )
            )
        return result

    def rows(self) -> list[RepriceRow]:
        """All groups, the largest difference first."""
        rows = [_row(key, group) for key, group in self.groups.items()]
        return sorted(rows, key=_by_size)

    def total(self) -> RepriceRow:
        """The sum of all groups."""
        total = Group()
        for group in self.groups.values():
            total.add(group)
        return _row(("", "", ""), total)

    def _group(self, key: Key) -> Group:
        group = self.groups.get(key)
        if group is None:
            if len(self.groups) >= _MAX_GROUPS:
                key = (*_OTHER, key[2])
            group = self.groups.setdefault(key, Group())
        return group


def _by_size(row: RepriceRow) -> tuple[Decimal, int, str, str, str]:
    return -abs(row.difference_usd), -row.changed, row.provider, row.model, row.month


def _row(key: Key, group: Group) -> RepriceRow:
    provider, model, month = key
    return RepriceRow(
        provider=provider,
        model=model,
        month=month,
        calls=group.calls,
        changed=group.changed,
        old_usd=group.old_usd if group.calls > group.before["unpriced"] else None,
        new_usd=group.new_usd if group.calls > group.after["unpriced"] else None,
        difference_usd=group.new_usd - group.old_usd,
        states_before=dict(group.before),
        states_after=dict(group.after),
    )
