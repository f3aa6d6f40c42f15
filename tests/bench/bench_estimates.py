"""How far each way to estimate tokens is off: `LLMOBSERVE_TEST_DATA=… python tests/bench/bench_estimates.py`.

Every recorded answer that states its usage is estimated as if it had not, from the same texts. Prints median and 95th
percentile of the error by way and provider, which docs/pricing.md and the stated errors are taken from.
"""

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from llmobserve.capture.engine import Engine
from llmobserve.cli import explain
from llmobserve.providers.prompt_text import PromptText, prompt_text
from llmobserve.providers.quantities import estimate_tokens
from llmobserve.settings import load
from llmobserve.wire import CallEvent, ContentRecord, input_tokens, output_tokens
from llmobserve_server.estimates.ratios import Sample, ratio_for
from llmobserve_server.estimates.vocabulary import count_tokens, is_openai_vocabulary

LEAST_TOKENS = 50
"""Shorter texts are left out: their error is large, and worth nothing."""


@dataclass(frozen=True)
class Side:
    """Input or output of one finished call."""

    provider: str
    model: str
    side: str
    tokens: int
    seen: PromptText

    @property
    def has_tools(self) -> bool:
        """True with definitions in the prompt, or calls of tools in the answer (their arguments are JSON)."""
        return bool(self.seen.definitions) or (
            self.side == "output" and any(text.startswith("{") for text in self.seen.texts)
        )

    @property
    def counted(self) -> int:
        return (
            count_tokens(self.seen.texts, self.model)
            + 4 * self.seen.messages
            + count_tokens(self.seen.definitions, self.model) * 3 // 4
        )


def recorded_calls(folder: Path) -> Iterator[tuple[CallEvent, ContentRecord, Any]]:
    """Every finished call of the recordings, with what was said in it and its request."""
    settings = load({"capture_content": True}, {})
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            exchange = json.loads(line)
            found: list[tuple[CallEvent, ContentRecord | None]] = []
            url = urlsplit(exchange["url"])
            begun = Engine(lambda call, said, _, found=found: found.append((call, said)), settings).begin(
                explain._request(exchange, url.query),
                method=str(exchange.get("method") or "POST"),
                host=url.hostname or "",
                port=url.port,
                path=url.path,
                transport="recording",
            )
            if begun is None:
                continue
            begun.answered(int(exchange.get("status") or 200), explain._headers(exchange))
            if exchange.get("body_base64"):
                begun.feed(explain._encoded_body(exchange))
            else:
                begun.feed_whole(explain._text_body(exchange))
            begun.exhausted()
            for call, said in found:
                if said is not None and call.usage.source == "response" and call.status == "ok":
                    yield call, said, exchange.get("request")


def sides(folder: Path) -> Iterator[Side]:
    """Both sides of every call whose text explains its tokens; equal texts of a model count once."""
    known: set[str] = set()
    for call, said, request in recorded_calls(folder):
        model = call.response_model or call.request_model or ""
        given = prompt_text(said.input, said.input) if isinstance(said.input, dict) else PromptText()
        if isinstance(said.input, str | list):
            given.add(said.input)
        try:
            asked = json.loads(request)
        except (TypeError, ValueError):
            asked = {}
        for key in ("response_format", "functions", "text", "output_config"):
            if isinstance(asked, dict) and key not in (said.input or ()) and asked.get(key):
                given.add_definitions(asked[key])
        made = PromptText()
        made.add(said.output)
        made.messages = 0
        units = call.usage.units
        for side, seen, tokens in (
            ("input", given, input_tokens(units)),
            ("output", made, None if call.usage.details.get("reasoning_tokens") else output_tokens(units)),
        ):
            key = json.dumps([call.provider, model, side, seen.texts, seen.definitions])
            if tokens and tokens >= LEAST_TOKENS and seen.size_bytes and not seen.has_unseen and key not in known:
                known.add(key)
                yield Side(call.provider, model, side, tokens, seen)


def error(estimate: float, tokens: int) -> float:
    return estimate / tokens - 1


def describe(errors: list[float]) -> str:
    sizes = sorted(map(abs, errors))
    high = sizes[-(-19 * len(sizes) // 20) - 1]
    middle, bias = median(sizes), median(errors)
    return f"{len(errors):4}  median {100 * middle:5.1f} %  95th {100 * high:6.1f} %  bias {100 * bias:+6.1f} %"


def by_way(found: list[Side]) -> dict[tuple[str, str, str], list[float]]:
    """Errors by side, way and family."""
    errors: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    factors: dict[str, list[float]] = defaultdict(list)
    samples: dict[tuple[str, str, str], list[Sample]] = defaultdict(list)
    for one in found:
        samples[one.provider, one.model, one.side].append(Sample(one.seen.size_bytes, one.tokens))
        if one.side == "output" and not is_openai_vocabulary(one.model):
            factors[one.provider].append(one.tokens / max(1, one.counted))
    for one in found:
        own = is_openai_vocabulary(one.model)
        family = f"{'OpenAI' if own else 'others'}, {'tools' if one.has_tools else 'text'}"
        for name in {"all", family, *(() if own else (one.provider,))}:
            errors[one.side, "four bytes", name].append(error(estimate_tokens(one.seen.size_bytes), one.tokens))
            factor = 1.0
            if not own:
                others = [x for provider, each in factors.items() if provider != one.provider for x in each]
                factor = median(others)
            errors[one.side, "counted", name].append(error(one.counted * factor, one.tokens))
            # What was learned from other prompts: one of the same size is most likely the same prompt.
            rest = [x for x in samples[one.provider, one.model, one.side] if x.size_bytes != one.seen.size_bytes]
            ratio = ratio_for(rest, one.seen.size_bytes)
            if ratio is not None:
                errors[one.side, "learned", name].append(error(ratio.tokens(one.seen.size_bytes), one.tokens))
                inside = abs(errors[one.side, "learned", name][-1]) * 100 <= ratio.error_percent
                errors[one.side, "learned: outside of its error", name].append(0.0 if inside else 1.0)
    print("tokens for one of OpenAI's vocabulary:", {k: (len(v), round(median(v), 2)) for k, v in factors.items()})
    return errors


def main() -> int:
    """Print the table. Returns 1 without recordings."""
    folder = Path(os.environ.get("LLMOBSERVE_TEST_DATA", "")) / "recordings"
    if "LLMOBSERVE_TEST_DATA" not in os.environ or not folder.is_dir():
        print("LLMOBSERVE_TEST_DATA names no recordings: nothing to measure")
        return 0
    for (side, way, name), errors in sorted(by_way(list(sides(folder))).items()):
        if way.endswith("its error"):
            print(f"{side:7} {way:30} {name:15} {len(errors):4}  {100 * sum(errors) / len(errors):5.1f} %")
        else:
            print(f"{side:7} {way:30} {name:15} {describe(errors)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
