"""Price rules of a project: list, add, change, end, and look what one would change."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from llmobserve_server.api.asked import BooksHere, RulesHere, ScopeHere, StoreHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.api.price_rule_models import PriceRuleChange, PriceRuleEnd, PriceRuleRequest, RateRequest
from llmobserve_server.auth.access import AdminAccess, ReadAccess, gate_of
from llmobserve_server.control import models, price_rules
from llmobserve_server.errors import BadRequest
from llmobserve_server.pricing.project_rules import engine_rule
from llmobserve_server.pricing.rule_checks import check_rule
from llmobserve_server.query.price_answers import PriceRule, PriceRuleChanges, PriceRuleList
from llmobserve_server.query.price_rules import shown_rule, shown_rules
from llmobserve_server.query.rule_preview import preview_rule

__all__ = ["router"]

router = APIRouter(tags=["price rules"])

_Kind = Literal["override", "discount", "free", "mapping"]


@router.get("/price-rules")
async def list_rules(
    request: Request,
    access: ReadAccess,
    books: BooksHere,
    kind: Annotated[_Kind | None, Query(description="One kind; default: all.")] = None,
    current: Annotated[bool, Query(description="Only rules that are in force or planned.")] = False,
) -> PriceRuleList:
    """Price rules of the project, newest first; ended ones are its history."""
    rows = await in_reader(request, price_rules.list_rules, gate_of(request).control, access.project_id)
    rules = shown_rules(rows, books.current, datetime.now(UTC))
    wanted = [rule for rule in rules if not current or rule.state in ("in_force", "planned")]
    return PriceRuleList(rules=[rule for rule in wanted if kind is None or rule.kind == kind])


@router.post("/price-rules", status_code=201)
async def add_rule(
    request: Request, wanted: PriceRuleRequest, access: AdminAccess, books: BooksHere, rules: RulesHere
) -> PriceRule:
    """Add a rule. Calls that arrive from now on are priced with it; stored costs stay as they are."""
    now = datetime.now(UTC)
    rule = _made(wanted, access.project_id, books, now)
    added = await asyncio.to_thread(price_rules.add_rule, gate_of(request).control, rule, access.actor)
    rules.forget()
    return shown_rule(added, books.current, now)


@router.post("/price-rules/preview")
async def preview(
    request: Request,
    wanted: PriceRuleRequest,
    scope: ScopeHere,
    store: StoreHere,
    books: BooksHere,
    rules: RulesHere,
    replaces: Annotated[str | None, Query(description="Id of a rule in whose place it would be.")] = None,
) -> PriceRuleChanges:
    """What a rule would have changed in the last 30 days, had it been in force all the time. Stores nothing.

    The calls are priced again by the price book and the rules of today, without the rule and with it.
    """
    now = datetime.now(UTC)
    rule = _made(wanted, scope.project_id, books, now)
    rule.id = "preview"
    overlay = await in_reader(request, rules.of, scope.project_id)
    return await in_reader(
        request, preview_rule, store, scope, books.current, overlay, engine_rule(rule), now, replaces
    )


@router.patch("/price-rules/{rule_id}")
async def change_rule(
    request: Request, rule_id: str, wanted: PriceRuleChange, access: AdminAccess, books: BooksHere, rules: RulesHere
) -> PriceRule:
    """End a rule and put a changed one in its place. The answer is the new rule; the old one stays in the history."""
    control = gate_of(request).control
    now = datetime.now(UTC)
    old = await asyncio.to_thread(price_rules.get_rule, control, access.project_id, rule_id)
    new = _changed(old, wanted, now)
    check_rule(new, books.current)
    await asyncio.to_thread(price_rules.replace_rule, control, rule_id, new, access.actor)
    rules.forget()
    return shown_rule(new, books.current, now)


@router.post("/price-rules/{rule_id}/end")
async def end_rule(
    request: Request, rule_id: str, wanted: PriceRuleEnd, access: AdminAccess, books: BooksHere, rules: RulesHere
) -> PriceRule:
    """End a rule, from now on or from a given time on."""
    now = datetime.now(UTC)
    control = gate_of(request).control
    ended = await asyncio.to_thread(
        price_rules.end_rule, control, access.project_id, rule_id, wanted.at or now, access.actor
    )
    rules.forget()
    return shown_rule(ended, books.current, now)


def _made(wanted: PriceRuleRequest, project_id: str, books: BooksHere, now: datetime) -> models.PriceRule:
    """The rule as a row, not stored. Raises BadRequest."""
    rule = models.PriceRule(
        project_id=project_id,
        kind=wanted.kind,
        provider=wanted.provider,
        model=wanted.model,
        to_provider=wanted.to_provider,
        to_model=wanted.to_model,
        rates=_rates(wanted.rates or []),
        dimensions=dict(wanted.dimensions),
        above_input_tokens=wanted.above_input_tokens,
        percent=None if wanted.percent is None else _plain(wanted.percent),
        units=wanted.units,
        valid_from=wanted.valid_from or now,
        valid_to=wanted.valid_to,
        note=wanted.note,
        created_at=now,
    )
    check_rule(rule, books.current)
    return rule


def _changed(old: models.PriceRule, wanted: PriceRuleChange, now: datetime) -> models.PriceRule:
    """The rule that takes the place of `old`, not stored."""
    given = wanted.model_fields_set
    if not given - {"valid_from"}:
        raise BadRequest("Nothing is changed: name what shall be otherwise, such as `percent` or `rates`.")
    valid_from = wanted.valid_from or max(now, old.valid_from)
    price_rules.refuse_over(old, valid_from)
    kept: dict[str, Any] = {
        name: getattr(wanted if name in given else old, name) for name in ("to_provider", "to_model", "units")
    }
    return models.PriceRule(
        project_id=old.project_id,
        kind=old.kind,
        provider=old.provider,
        model=old.model,
        rates=_rates(wanted.rates or []) if "rates" in given else old.rates,
        dimensions=old.dimensions,
        above_input_tokens=old.above_input_tokens,
        percent=old.percent if wanted.percent is None else _plain(wanted.percent),
        valid_from=valid_from,
        valid_to=wanted.valid_to if "valid_to" in given else price_rules.end_of(old),
        note=old.note if wanted.note is None else wanted.note,
        created_at=now,
        **kept,
    )


def _rates(wanted: list[RateRequest]) -> list[dict[str, Any]]:
    return [{"unit": rate.unit, "usd": _plain(rate.rate_usd), "per": rate.per} for rate in wanted]


def _plain(amount: Decimal) -> str:
    """A number that is not negative, without exponent and without a sign: `-0` is one as well."""
    return format(amount.copy_abs(), "f")
