"""Price rules of a project as answers: what each says, and whether it holds now."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, cast

from llmobserve.pricing import PriceBook
from llmobserve.pricing.overlay import PriceRuleKind, describe
from llmobserve_server.control import models
from llmobserve_server.control.price_rules import end_of
from llmobserve_server.pricing.project_rules import engine_rule
from llmobserve_server.query.price_answers import PriceRule, PriceRuleRate

__all__ = ["shown_rule", "shown_rules"]

State = Literal["in_force", "planned", "over", "ended", "withdrawn"]


def shown_rules(rows: Sequence[models.PriceRule], book: PriceBook, now: datetime) -> list[PriceRule]:
    """All rules of a project, in the order given, each with the one that took its place."""
    successors = {row.replaces: row.id for row in rows if row.replaces}
    return [shown_rule(row, book, now, successors.get(row.id)) for row in rows]


def shown_rule(row: models.PriceRule, book: PriceBook, now: datetime, replaced_by: str | None = None) -> PriceRule:
    """One rule as it stands at `now`."""
    units = book.units()
    return PriceRule(
        id=row.id,
        kind=cast("PriceRuleKind", row.kind),
        state=_state(row, now),
        provider=row.provider,
        model=row.model,
        to_provider=row.to_provider,
        to_model=row.to_model,
        rates=[
            PriceRuleRate(
                unit=rate["unit"],
                unit_label=units[rate["unit"]].label if rate["unit"] in units else rate["unit"],
                rate_usd=Decimal(rate["usd"]),
                per=rate["per"],
            )
            for rate in row.rates
        ],
        dimensions={key: str(value) for key, value in row.dimensions.items()},
        above_input_tokens=row.above_input_tokens,
        percent=row.percent,
        units=row.units,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        stops_at=row.stops_at,
        note=row.note,
        text=describe(engine_rule(row)),
        replaces=row.replaces,
        replaced_by=replaced_by,
        created_by=row.created_by,
        created_at=row.created_at,
        ended_by=row.ended_by,
        ended_at=row.ended_at,
    )


def _state(row: models.PriceRule, now: datetime) -> State:
    end = end_of(row)
    if end is not None and end <= row.valid_from:
        return "withdrawn"
    if end is not None and end <= now:
        return (
            "over" if row.stops_at is None or (row.valid_to is not None and row.valid_to <= row.stops_at) else "ended"
        )
    return "planned" if now < row.valid_from else "in_force"
