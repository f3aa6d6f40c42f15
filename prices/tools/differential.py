"""Prices the same calls with our price book, with `genai-prices` and with LiteLLM, and explains every difference.

    python prices/tools/differential.py            counts, and differences without an explanation
    python prices/tools/differential.py --write    also rewrites prices/differential.md

Every listed model is priced under several usages, each library end to end (its own matching and arithmetic). A
difference is explained by a class in `differential_reasons.py`; one that no class explains makes the run fail. Needs an
environment with PyYAML, `genai-prices`, `litellm` and `model-prices`.
"""

import argparse
import datetime as dt
import importlib
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "python/llmobserve/src"))

from crosscheck import Decisions
from differential_reasons import REASONS, Difference, explain
from draft import say
from merge_sources import Takes
from price_yaml import PRICES
from read_sources import Fields, SourceList, micros, provider_map, read_all, theirs
from source_litellm import entries, place

from llmobserve.pricing import PriceRequest, price_call
from llmobserve.wire import Usage

# A Wednesday at noon UTC: outside of every peak hour.
AT = dt.datetime(2026, 11, 18, 12, tzinfo=dt.UTC)
TOLERANCE = Decimal("1e-9")
TEXT_MODES = ("chat", "completion", "responses", "embedding")


@dataclass(frozen=True)
class Case:
    """One usage: fresh and cached input, output."""

    name: str
    fresh: int
    cached: int
    output: int


PricedCase = tuple[str, str, str, Case, Decimal, dict[str, str]]
"""Library, provider, model, usage, the library's amount, conditions."""

CASES = (
    Case("short", 1000, 0, 500),
    Case("cached", 1000, 5000, 500),
    Case("long", 300_000, 0, 1000),
)


def ours(provider: str, model: str, case: Case, dimensions: dict[str, str]) -> Any:
    """Our cost of the case."""
    units = {
        "input_text_tokens": case.fresh,
        "cache_read_text_tokens": case.cached,
        "output_text_tokens": case.output,
    }
    return price_call(
        PriceRequest(
            provider=provider,
            operation="chat.completions",
            response_model=model,
            usage=Usage(units={unit: n for unit, n in units.items() if n}, source="response"),
            dimensions=dimensions,
            at_us=int(AT.timestamp()) * 1_000_000,
            http_status=200,
        )
    )


def genai_cases() -> Iterator[PricedCase]:
    """Every model of `genai-prices` under every usage."""
    library: Any = importlib.import_module("genai_prices")
    data: Any = importlib.import_module("genai_prices.data")
    wanted = theirs("genai")
    for provider in data.providers:
        for mine in wanted.get(provider.id, ()):
            row = provider_map()[mine]
            suffix = row.get("genai_suffix", {}).get(provider.id, "")
            for model in provider.models:
                if not str(model.id).startswith(tuple(row.get("genai_only", [""]))):
                    continue
                for case in CASES:
                    usage = library.Usage(
                        input_tokens=case.fresh + case.cached,
                        cache_read_tokens=case.cached or None,
                        output_tokens=case.output,
                    )
                    try:
                        price = library.calc_price(usage, model.id, provider_id=provider.id, genai_request_timestamp=AT)
                    except (LookupError, ValueError):
                        continue
                    yield "genai-prices", mine, model.id + suffix, case, price.total_price, {}


def litellm_cases() -> Iterator[PricedCase]:
    """Every text or embedding model of LiteLLM under every usage, with the conditions that its name stands for."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    litellm: Any = importlib.import_module("litellm")
    wanted = theirs("litellm")
    for name, entry in entries().items():
        if entry.get("mode") not in TEXT_MODES:
            continue
        for mine in wanted.get(entry.get("litellm_provider", ""), ()):
            found = place(mine, name)
            if found is None:
                continue
            dimensions = dict(part.split("=", 1) for part in found[1].split("&")) if found[1] else {}
            for case in CASES:
                try:
                    prompt, completion = litellm.cost_per_token(
                        model=name,
                        prompt_tokens=case.fresh + case.cached,
                        completion_tokens=0 if entry["mode"] == "embedding" else case.output,
                        cache_read_input_tokens=case.cached,
                        custom_llm_provider=entry["litellm_provider"],
                    )
                except Exception:  # noqa: BLE001 - a foreign library; what it cannot price is no case
                    continue
                yield "litellm", mine, found[0], case, Decimal(repr(prompt + completion)), dimensions


class Lists:
    """What the public lists say, to tell an arithmetic difference from a different price."""

    def __init__(self) -> None:
        self._lists: dict[str, SourceList] = {source.name: source for source in read_all()}
        self._takes = Takes()
        self._decisions = Decisions()

    def fields(self, library: str, provider: str, model: str) -> Fields:
        """The library's own prices of a model; empty when it lists none under the name."""
        listed = self._lists[library].models.get(provider, {}).get(model)
        return listed.at(micros(AT)) if listed else Fields()

    def is_decided(self, library: str, provider: str, model: str) -> bool:
        """True when a recorded decision takes another figure than the library's, or leaves the model out."""
        fields = self.fields(library, provider, model)
        if self._decisions.find(provider, model, ("", "", 0)):
            return True
        for where in fields:
            if self._decisions.find(provider, model, where):
                return True
            said = {
                name: prices[where] for name in self._lists if where in (prices := self.fields(name, provider, model))
            }
            choice = self._takes.find(provider, model, where, said)
            if choice is not None and choice.price != fields[where]:
                return True
        return False


def differences(counts: Counter[str]) -> Iterator[Difference]:
    """Every case on which a library and we do not agree; `counts` gets the cases by library and outcome."""
    lists = Lists()
    for library, provider, model, case, amount, dimensions in (*genai_cases(), *litellm_cases()):
        cost = ours(provider, model, case, dimensions)
        if _is_embedding(cost):
            cost = ours(provider, model, Case(case.name, case.fresh, case.cached, 0), dimensions)
        if _count(counts, library, cost.usd, amount):
            listed = lists.fields(library, provider, model)
            decided = lists.is_decided(library, provider, model)
            yield Difference(library, provider, model, case.name, amount, cost, listed, decided)


def _is_embedding(cost: Any) -> bool:
    return cost.usd is None and cost.reason is not None and "no price for output_text_tokens" in cost.reason


def _count(counts: Counter[str], library: str, mine: Decimal | None, amount: Decimal) -> bool:
    counts[f"{library} cases"] += 1
    if mine is not None and abs(mine - amount) <= max(mine, amount) * TOLERANCE:
        counts[f"{library} equal"] += 1
        return False
    return True


def main() -> int:
    """Print the counts. Returns 1 when a difference has no explanation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    found: dict[str, dict[tuple[str, str], list[Difference]]] = defaultdict(lambda: defaultdict(list))
    for difference in differences(counts):
        found[explain(difference)][difference.provider, difference.library].append(difference)
    for key, number in sorted(counts.items()):
        say(f"{key}: {number}")
    for reason, groups in found.items():
        say(f"{reason}: {sum(map(len, groups.values()))}")
    for group in found.get("unexplained", {}).values():
        for one in group:
            mine = f"{one.cost.usd} {one.cost.reason}"
            say(f"  {one.library} {one.provider} {one.model} {one.case}: {one.amount} / ours {mine}")
    if options.write:
        (PRICES / "differential.md").write_text(_report(counts, found), "utf-8")
    return 1 if found.get("unexplained") else 0


def _report(counts: Counter[str], found: dict[str, dict[tuple[str, str], list[Difference]]]) -> str:
    lines = [
        "# The price book against genai-prices and LiteLLM, call by call",
        "",
        f"Written by `prices/tools/differential.py --write` for calls at {AT:%Y-%m-%d %H:%M} UTC. Every listed text or",
        "embedding model is priced under three usages: `short` (1,000 in, 500 out), `cached` (1,000 in, 5,000 cached,",
        "500 out) and `long` (300,000 in, 1,000 out); each library end to end, with its own matching and arithmetic.",
        "",
        "| library | cases | equal | different |",
        "|---|---|---|---|",
    ]
    for library in ("genai-prices", "litellm"):
        cases, equal = counts[f"{library} cases"], counts[f"{library} equal"]
        lines.append(f"| {library} | {cases} | {equal} | {cases - equal} |")
    for reason, text in REASONS.items():
        if reason not in found:
            continue
        groups = found[reason]
        lines += ["", f"## {reason} ({sum(map(len, groups.values()))})", "", text, ""]
        for (provider, library), group in sorted(groups.items()):
            by_model: dict[str, list[str]] = defaultdict(list)
            for one in group:
                by_model[one.model].append(one.case)
            models = ", ".join(f"{name} ({'/'.join(cases)})" for name, cases in sorted(by_model.items()))
            lines.append(f"- {provider}, {library}: {models}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
