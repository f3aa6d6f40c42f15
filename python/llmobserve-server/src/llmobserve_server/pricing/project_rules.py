"""The price rules of every project as the price engine takes them, kept up to date while they change."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

from sqlalchemy.exc import SQLAlchemyError

from llmobserve.pricing.overlay import OwnRate, PriceOverlay, PriceRule, PriceRuleKind
from llmobserve_server.control import models, price_rules
from llmobserve_server.control.database import ControlDatabase
from llmobserve_server.errors import StoreError

__all__ = ["ProjectRules", "engine_rule", "engine_rules"]

_REMEMBERED_S = 2
"""How long a change by another process may stay unnoticed here; one of this process counts at once."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    asked_at_s: float
    rules: tuple[PriceRule, ...]
    overlay: PriceOverlay | None


class ProjectRules:
    """Reads the rules of a project when its calls are priced, and again after seconds. Thread-safe."""

    def __init__(self, control: ControlDatabase) -> None:
        self._control = control
        self._known: dict[str, _Known] = {}
        self._forgotten = 0
        self._lock = threading.Lock()

    def of(self, project_id: str) -> PriceOverlay | None:
        """The rules of a project; `None` when it has none. May block for a look into the control database.

        Raises StoreError when they cannot be read and were never read before: a call must not be priced as if there
        were none.
        """
        known = self._known.get(project_id)
        if known is not None and time.monotonic() - known.asked_at_s < _REMEMBERED_S:
            return known.overlay
        with self._lock:
            known = self._known.get(project_id)
            if known is None or time.monotonic() - known.asked_at_s >= _REMEMBERED_S:
                forgotten = self._forgotten
                read = self._read(project_id, known)
                if forgotten == self._forgotten:
                    self._known[project_id] = read
                known = read
        return known.overlay

    def forget(self) -> None:
        """Read all rules again when they are next needed, because one was changed here."""
        self._forgotten += 1
        self._known.clear()

    def _read(self, project_id: str, known: _Known | None) -> _Known:
        asked_at_s = time.monotonic()
        try:
            rows = price_rules.list_rules(self._control, project_id)
        except SQLAlchemyError as error:
            if known is None:
                raise StoreError(f"The price rules of project {project_id!r} cannot be read: {error}") from error
            _logger.warning("The price rules of %s cannot be read; those of before are used: %s", project_id, error)
            return _Known(asked_at_s, known.rules, known.overlay)
        rules = engine_rules(rows)
        if known is not None and known.rules == rules:
            # The same overlay remembers what it has looked up.
            return _Known(asked_at_s, rules, known.overlay)
        return _Known(asked_at_s, rules, PriceOverlay(rules) if rules else None)


def engine_rules(rows: Sequence[models.PriceRule]) -> tuple[PriceRule, ...]:
    """The rows that hold for any call at all, as the price engine takes them."""
    return tuple(engine_rule(row) for row in rows if price_rules.end_of(row) != row.valid_from)


def engine_rule(row: models.PriceRule) -> PriceRule:
    """A row as the price engine takes it."""
    end = price_rules.end_of(row)
    return PriceRule(
        id=row.id,
        kind=cast("PriceRuleKind", row.kind),
        provider=row.provider,
        model=row.model,
        from_us=_micros(row.valid_from),
        until_us=None if end is None else _micros(end),
        to_provider=row.to_provider,
        to_model=row.to_model,
        rates=tuple(OwnRate(unit=rate["unit"], usd=Decimal(rate["usd"]), per=rate["per"]) for rate in row.rates),
        dimensions=row.dimensions,
        above_input_tokens=row.above_input_tokens,
        percent=None if row.percent is None else Decimal(row.percent),
        units=None if row.units is None else frozenset(row.units),
    )


def _micros(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
