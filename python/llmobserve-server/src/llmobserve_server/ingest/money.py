"""Usage and cost of a call as columns: quantities checked, totals derived, the receipt frozen."""

from collections.abc import Mapping
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

import msgspec

from llmobserve.wire import CallEvent, Cost, CostLine, LineRules, Quantity, Usage, input_tokens, output_tokens
from llmobserve_server.ingest.checks import LIMITS, SHORT, Notes, check_quantities, check_raw_usage
from llmobserve_server.pricing import PlainPricer, Pricer
from llmobserve_server.pricing.plain_costs import line_opening

__all__ = ["CostColumns", "add_cost", "add_usage", "cost_columns", "totals_of"]

CostColumns = tuple[int | None, str, str | None, str | None, str | None, str | None, int | None]
"""`cost_usd` and, at the end, `table_usd` in 10^-12 dollars; between them `cost_state`, `cost_reason`, `cost_lines` as
text, `price_book`, `priced_model`."""

_MAX_USD = Decimal("999999.999999999999")
_EXACT = Context(prec=50)
_opening = lru_cache(maxsize=8192)(line_opening)
_TOTALS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


def add_usage(row: dict[str, Any], usage: Usage, notes: Notes) -> None:
    """Set the columns of usage. Raises Rejected for a quantity that cannot be."""
    units, details = usage.units, usage.details
    row["usage_source"] = usage.source
    row["usage_flags"] = [flag[:SHORT] for flag in usage.flags[: LIMITS.flags]]
    row["usage_raw"] = check_raw_usage(usage.raw, notes)
    if units:
        check_quantities(units, "usage.units")
        row["units"] = units
        _add_totals(row, units)
    if details:
        check_quantities(details, "usage.details")
        row["usage_details"] = details
        reasoning = details.get("reasoning_tokens")
        row["reasoning_tokens"] = None if reasoning is None else int(reasoning)


def _add_totals(row: dict[str, Any], units: Mapping[str, Quantity]) -> None:
    for unit, quantity in units.items():
        for column in totals_of(unit):
            row[column] = (row.get(column) or 0) + int(quantity)


@lru_cache(maxsize=1024)
def totals_of(unit: str) -> tuple[str, ...]:
    """The totals that a unit is a part of."""
    one = {unit: 1}
    cached = unit.endswith("_tokens")
    parts = (
        input_tokens(one) is not None,
        output_tokens(one) is not None,
        cached and unit.startswith("cache_read_"),
        cached and unit.startswith("cache_write_"),
    )
    return tuple(column for column, is_part in zip(_TOTALS, parts, strict=True) if is_part)


def add_cost(row: dict[str, Any], cost: Cost) -> None:
    """Set the columns of cost, and the model under which the call is shown."""
    usd, state, reason = cost.usd, cost.state, cost.reason
    if usd is not None and not 0 <= usd <= _MAX_USD:
        reason = f"The amount of {usd:.2f} US dollars is beyond what one call can cost: the usage cannot be right."
        usd, state = None, "unpriced"
    row["cost_usd"] = usd
    row["cost_state"] = state
    row["cost_reason"] = reason
    row["cost_lines"] = msgspec.Raw(f"[{','.join(map(_line, cost.lines))}]".encode()) if cost.lines else None
    row["price_book"] = cost.price_book
    row["priced_model"] = cost.model
    row["model"] = cost.model or row["response_model"] or row["request_model"]
    table_usd = cost.table_usd
    row["table_usd"] = table_usd if table_usd is not None and 0 <= table_usd <= _MAX_USD else None


def cost_columns(call: CallEvent, project_id: str, pricer: Pricer) -> CostColumns:
    """The same as columns: amounts in 10^-12 dollars, receipt as text."""
    if isinstance(pricer, PlainPricer) and (plain := pricer.plain(project_id, call)) is not None:
        return plain.usd_pico, "priced", None, plain.lines, plain.price_book, plain.model, None
    row: dict[str, Any] = {"response_model": None, "request_model": None}
    add_cost(row, pricer(project_id, call))
    lines = row["cost_lines"]
    return (
        _pico(row["cost_usd"]),
        row["cost_state"],
        row["cost_reason"],
        None if lines is None else bytes(lines).decode(),
        row["price_book"],
        row["priced_model"],
        _pico(row["table_usd"]),
    )


def _pico(usd: Decimal | None) -> int | None:
    return None if usd is None else int(usd.scaleb(12, _EXACT))


def _line(line: CostLine) -> str:
    """A receipt line as JSON; decimals are strings in plain notation."""
    quantity = line.quantity if isinstance(line.quantity, int) else f'"{line.quantity:f}"'
    price = _opening(line.unit, line.rate_usd, line.per, line.price_id, line.rule, line.source)
    rules = "" if line.project is None else _rules(line.project)
    return f'{price},"quantity":{quantity},"usd":"{line.usd:f}"{rules}}}'


def _rules(project: LineRules) -> str:
    """What rules of the project have to do with a line, as the further members of its object."""
    list_usd = "null" if project.list_usd is None else f'"{project.list_usd:f}"'
    return f',"list_usd":{list_usd},"rule_ids":{msgspec.json.encode(project.rule_ids).decode()}'
