"""Estimates the tokens of a call on its arrival: by its stored text, by finished calls, or by its size alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

import msgspec

from llmobserve.pricing.doubts import FIXED_RATIO_ERROR_PERCENT
from llmobserve.providers.prompt_text import PromptText, prompt_text
from llmobserve.wire import CallEvent, Quantity
from llmobserve_server.estimates.learned import Learned, LearnedRatios
from llmobserve_server.estimates.ratios import Sample, ratio_for
from llmobserve_server.estimates.vocabulary import MAX_CHARACTERS, count_tokens, is_openai_vocabulary
from llmobserve_server.store.protocol import Store

__all__ = ["Allowance", "Estimator"]

_BATCH_CHARACTERS = 4 * MAX_CHARACTERS
_OTHERS_PERCENT = 115
"""Tokens of other providers' models for 100 of OpenAI's newest vocabulary (docs/pricing.md, measured 2026-11-21)."""
_ERROR_PERCENT = {
    # (the vocabulary is the model's own, input or output, has tools)
    (True, "input", False): 45,
    (True, "input", True): 45,
    (True, "output", False): 10,
    (True, "output", True): 55,
    (False, "input", False): 90,
    (False, "input", True): 120,
    (False, "output", False): 25,
    (False, "output", True): 80,
}
"""95th percentile of the error of counting what is stored (docs/pricing.md). Providers put more into a prompt than the
request shows, and write calls of tools with more than their arguments."""
_UNSEEN = {"input": "unseen_input", "output": "unseen_reasoning"}
"""Flags of usage that has more on a side than its text, so that no error can be stated."""
_TOKENS_PER_MESSAGE = 4
_LEAST_SEEN = 2
"""At least one part in so many of a text must be stored for it to stand for the whole."""


@dataclass(slots=True)
class Allowance:
    """Text that may still be counted for one batch: what is beyond is estimated without its text."""

    characters: int = _BATCH_CHARACTERS


@dataclass(frozen=True, slots=True)
class _Side:
    """The estimate of one side of a call."""

    tokens: int
    error_percent: int
    details: Mapping[str, Quantity]
    method: str


class Estimator:
    """Replaces estimates of senders. Thread-safe; blocks for the store and for counting.

    A batch counts at most 131,072 characters: some 0.1 s for prose, 1.5 s for ideographs in random order.
    """

    def __init__(self, store: Store) -> None:
        self._ratios = LearnedRatios(store)

    def improved(
        self,
        event: CallEvent,
        project_id: str,
        model: str,
        at: datetime,
        content: tuple[str | None, str | None] | None,
        allowance: Allowance,
    ) -> CallEvent:
        """The call with the best estimate of its usage.

        Usage that a provider stated, and estimates of anything but text, are left as they are.

        Args:
            event: the call as its sender made it.
            project_id: whose finished calls are asked.
            model: name under which the call is stored.
            at: when it arrived; naive UTC.
            content: JSON of its input and its output, where they are stored.
            allowance: is used up by what is counted.
        """
        usage = event.usage
        sizes = {side: usage.details.get(f"{side}_text_bytes") for side in ("input", "output")}
        if usage.source != "estimated" or not any(sizes.values()):
            return event
        learned = self._ratios.of((project_id, event.provider, model), at)
        units, details, flags = dict(usage.units), dict(usage.details), list(usage.flags)
        if learned.hides_reasoning and "output_text_tokens" in units:
            flags.append("unseen_reasoning")
        for position, (side, size_bytes) in enumerate(sizes.items()):
            if not isinstance(size_bytes, int) or size_bytes <= 0:
                continue
            text = content[position] if content is not None else None
            better = _side(side, size_bytes, model, learned, text, allowance)
            if better is not None:
                units[f"{side}_text_tokens"] = better.tokens
                details.update(better.details)
                flags.append(f"{side}_{better.method}")
                if _UNSEEN[side] not in flags:
                    details[f"{side}_error_percent"] = better.error_percent
        return replace(event, usage=replace(usage, units=units, details=details, flags=tuple(flags)))


def _side(
    side: str, size_bytes: int, model: str, learned: Learned, text: str | None, allowance: Allowance
) -> _Side | None:
    """The estimate of the smallest error; `None` leaves the sender's."""
    by_calls = _by_calls(side, size_bytes, learned.input if side == "input" else learned.output)
    best_percent = FIXED_RATIO_ERROR_PERCENT[side] if by_calls is None else by_calls.error_percent
    return _by_text(side, size_bytes, model, text, allowance, best_percent) or by_calls


def _by_calls(side: str, size_bytes: int, samples: Sequence[Sample]) -> _Side | None:
    ratio = ratio_for(samples, size_bytes)
    if ratio is None:
        return None
    details: dict[str, Quantity] = {
        f"{side}_bytes_per_token": ratio.bytes_per_token,
        f"{side}_estimate_calls": ratio.calls,
    }
    return _Side(ratio.tokens(size_bytes), ratio.error_percent, details, "learned")


def _by_text(
    side: str, size_bytes: int, model: str, text: str | None, allowance: Allowance, below_percent: int
) -> _Side | None:
    """By the tokens of what is stored, in proportion where it was cut; `None` where its error is not smaller."""
    seen = _prompt(text) if side == "input" else _answer(text)
    own = is_openai_vocabulary(model)
    error_percent = _ERROR_PERCENT[own, side, _has_tools(seen)]
    stored_bytes = seen.size_bytes
    characters = min(sum(map(len, seen.texts)) + sum(map(len, seen.definitions)), MAX_CHARACTERS)
    if (
        not stored_bytes
        or stored_bytes * _LEAST_SEEN < size_bytes
        or characters > allowance.characters
        or error_percent >= below_percent
    ):
        return None
    allowance.characters -= characters
    tokens = count_tokens(seen.texts, model) + seen.messages * _TOKENS_PER_MESSAGE
    tokens += count_tokens(seen.definitions, model) * 3 // 4
    if not own:
        tokens = -(-tokens * _OTHERS_PERCENT // 100)
    tokens = -(-tokens * size_bytes // stored_bytes)
    return _Side(tokens, error_percent, {}, "counted" if own else "counted_alike")


def _has_tools(seen: PromptText) -> bool:
    """True with definitions, or with calls of tools: their arguments are JSON."""
    return bool(seen.definitions) or any(text.startswith("{") for text in seen.texts)


def _prompt(text: str | None) -> PromptText:
    value = _decoded(text)
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return prompt_text(fields, fields)
    return _plain(value)


def _answer(text: str | None) -> PromptText:
    seen = _plain(_decoded(text))
    seen.messages = 0
    return seen


def _plain(value: Any) -> PromptText:
    seen = PromptText()
    seen.add(value)
    return seen


def _decoded(text: str | None) -> Any:
    try:
        return None if text is None else msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
