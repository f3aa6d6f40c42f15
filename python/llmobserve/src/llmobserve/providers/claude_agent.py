"""Reads results of the Claude Agent SDK, whose program calls the models itself and states tokens and cost by model.

`total_cost_usd` and `modelUsage` are running totals of the program's process, `usage` is that of the turn
(https://github.com/anthropics/claude-code/issues/83239, comment of 2026-08-16). The cost is worked out by the program
from its own price table (https://code.claude.com/docs/en/agent-sdk/cost-tracking, read 2026-11-21).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from llmobserve.providers.anthropic_shape import message_usage
from llmobserve.providers.base import OWN_PROTOCOL, Endpoint, LazyPattern, Reading
from llmobserve.providers.call_reader import CallReader, as_items, text_or_none
from llmobserve.providers.quantities import as_mapping, dollars, sendable
from llmobserve.wire import Quantity, Usage

__all__ = ["AGENT_ENDPOINT", "AGENT_PATH"]

AGENT_PATH = "/claude-agent-sdk/result"

_UNITS = {
    "inputTokens": "input_text_tokens",
    "outputTokens": "output_text_tokens",
    "cacheReadInputTokens": "cache_read_text_tokens",
    "cacheCreationInputTokens": "cache_write_tokens",
    "webSearchRequests": "web_search_calls",
}
_OWN_API = "firstParty"


class ResultReader(CallReader):
    """Reads one result, given the one before it from the same process, as one charge for each model.

    What is asked has `before` (the earlier result or nothing) and `model` (of the last message). An answer without
    `modelUsage` may have `messages` instead, by id: those of a turn whose result was not waited for.
    """

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """The charges by model; nothing where the turn cost nothing."""
        result = self.body
        charges = self._by_model() or self._of_turn() or self._of_messages()
        out.pending = not charges
        for place, charge in zip([out, *(Reading() for _ in charges[1:])], charges, strict=False):
            model, platform, usage, cost = charge
            place.request_model = model
            place.usage = usage
            place.reported_cost_usd = cost
            if platform is not None:
                place.dimensions["platform"] = platform
            if uuid := text_or_none(result.get("uuid")):
                place.response_id = uuid if place is out else f"{uuid}/{model}"
            if place is not out:
                out.items.append(place)
        if self.want_content:
            out.output = result.get("result")
        if result.get("is_error") is True:
            self._take_error(out)

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts. A failed turn has cost what was done before it failed."""
        out = Reading()
        self.describe(out, ended_early=ended_early)
        return out

    def _by_model(self) -> list[tuple[str | None, str | None, Usage, Decimal | None]]:
        now = as_mapping(self.body.get("modelUsage"))
        before = as_mapping(as_mapping(self.asked.get("before")).get("modelUsage"))
        charges: list[tuple[str | None, str | None, Usage, Decimal | None]] = []
        for model, totals in now.items():
            fields, earlier = as_mapping(totals), as_mapping(before.get(model))
            units, cost = self._since(fields, earlier)
            if units or cost:
                platform = text_or_none(fields.get("provider"))
                usage = self.usage(units, "response", raw=dict(fields))
                charges.append((model, None if platform == _OWN_API else platform, usage, cost))
        return [self._with_lifetimes(charges[0])] if len(charges) == 1 else charges

    def _since(self, now: Mapping[str, Any], before: Mapping[str, Any]) -> tuple[dict[str, Quantity], Decimal | None]:
        """What was added since the earlier totals; all of it where totals have begun anew."""
        counts = {unit: self.counters.whole(now, key) or 0 for key, unit in _UNITS.items()}
        earlier = {unit: self.counters.whole(before, key) or 0 for key, unit in _UNITS.items()}
        cost, cost_before = dollars(now.get("costUSD")), dollars(before.get("costUSD")) or Decimal(0)
        if any(counts[unit] < earlier[unit] for unit in counts) or (cost is not None and cost < cost_before):
            earlier, cost_before = dict.fromkeys(counts, 0), Decimal(0)
        units: dict[str, Quantity] = {unit: n - earlier[unit] for unit, n in counts.items() if n > earlier[unit]}
        return units, None if cost is None else cost - cost_before

    def _with_lifetimes(
        self, charge: tuple[str | None, str | None, Usage, Decimal | None]
    ) -> tuple[str | None, str | None, Usage, Decimal | None]:
        """The usage of the turn, which splits what was written to the cache, where it is the same."""
        model, platform, usage, cost = charge
        of_turn = message_usage(self.body.get("usage"))
        if of_turn is None or _sums(of_turn) != _sums(usage):
            return charge
        return model, platform, of_turn, cost

    def _of_turn(self) -> list[tuple[str | None, str | None, Usage, Decimal | None]]:
        """Of programs that do not tell the models apart."""
        total = dollars(self.body.get("total_cost_usd"))
        if total is None or "modelUsage" in self.body:
            return []
        before = dollars(as_mapping(self.asked.get("before")).get("total_cost_usd")) or Decimal(0)
        usage = message_usage(self.body.get("usage")) or Usage()
        cost = total - before if total >= before else total
        return [(text_or_none(self.asked.get("model")), None, usage, cost)] if cost or any(usage.units.values()) else []

    def _of_messages(self) -> list[tuple[str | None, str | None, Usage, Decimal | None]]:
        sums: dict[str | None, dict[str, Quantity]] = {}
        for message in as_items(self.body.get("messages")):
            fields = as_mapping(message)
            usage = message_usage(fields.get("usage"))
            units = sums.setdefault(text_or_none(fields.get("model")), {})
            for unit, n in usage.units.items() if usage is not None else ():
                units[unit] = units.get(unit, 0) + n
        return [
            (model, None, Usage(units=units, source="response", flags=("partial",), raw=sendable(None)), None)
            for model, units in sums.items()
            if units
        ]

    def _take_error(self, out: Reading) -> None:
        kind = text_or_none(self.body.get("subtype"))
        out.error_type = kind if kind not in (None, "success") else "error"
        errors = as_items(self.body.get("errors"))
        out.error_message = text_or_none(errors[0]) if errors else text_or_none(self.body.get("result"))
        out.pending = False


def _sums(usage: Usage) -> tuple[int, ...]:
    """Tokens in, out, read from and written to the cache."""
    groups = ("input_text_tokens",), ("output_text_tokens",), ("cache_read_text_tokens",)
    written = tuple(unit for unit in usage.units if unit.startswith("cache_write"))
    return tuple(sum(int(usage.units.get(unit, 0)) for unit in group) for group in (*groups, written))


AGENT_ENDPOINT = Endpoint(
    operation="agent.result",
    kind="llm",
    methods=(OWN_PROTOCOL,),
    path=LazyPattern(AGENT_PATH),
    reader=ResultReader,
)
"""Cannot be reached over HTTP."""
