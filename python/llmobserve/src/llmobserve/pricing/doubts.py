"""Says in words why an amount is an estimate."""

from llmobserve.wire import Usage

__all__ = ["FIXED_RATIO_ERROR_PERCENT", "usage_doubts"]

FIXED_RATIO_ERROR_PERCENT = {"input": 90, "output": 65}
"""95th percentile of the error of four bytes a token (docs/pricing.md, measured 2026-11-21)."""

_FLAGS = {
    "partial": "The stream ended early: the usage is what had been reported until then.",
    "sum_mismatch": "The reported units do not add up to the provider's own total.",
    "malformed": "A part of the reported usage was not a sane number and is left out.",
    "aggregate": "The usage is the sum of several calls, of which none is known by itself.",
    "unseen_input": "The request had images, files or an earlier conversation, whose tokens are not in the estimate.",
    "unseen_reasoning": "This model reasons in tokens that its answers do not show; they are not in the estimate.",
}

_PARTIAL_ESTIMATE = "The stream ended early: the estimate is for what had arrived."


def usage_doubts(usage: Usage) -> list[str]:
    """Sentences about an estimated or flagged usage; none about one that is what the provider stated."""
    is_estimate = usage.source == "estimated"
    doubts = [_estimate(usage)] if is_estimate else []
    for flag in usage.flags:
        sentence = _PARTIAL_ESTIMATE if is_estimate and flag == "partial" else _FLAGS.get(flag)
        if sentence is not None:
            doubts.append(sentence)
    return doubts


def _estimate(usage: Usage) -> str:
    ways = {side: _way(usage, side.lower()) for side in ("Input", "Output")}
    parts = [f"{side}: {way}." for side, way in ways.items() if way]
    if not parts:
        return "The usage was estimated, not reported by the provider."
    return f"The answer stated no final usage; tokens are estimated. {' '.join(parts)}"


def _way(usage: Usage, side: str) -> str | None:
    """How the tokens of one side were estimated; `None` when they were not."""
    details, flags = usage.details, usage.flags
    if f"{side}_text_bytes" not in details:
        return None
    error = details.get(f"{side}_error_percent")
    if f"{side}_learned" in flags:
        calls, ratio = details.get(f"{side}_estimate_calls"), details.get(f"{side}_bytes_per_token")
        way = f"by {ratio} bytes a token, as in {calls} finished calls of this project with this model"
    elif f"{side}_counted" in flags:
        way = "by counting the stored text with the model's vocabulary"
    elif f"{side}_counted_alike" in flags:
        way = "by counting the stored text with another vocabulary"
    else:
        way, error = "by four bytes a token", FIXED_RATIO_ERROR_PERCENT[side]
    unknown = f"unseen_{'input' if side == 'input' else 'reasoning'}" in flags
    return f"{way} ({'error unknown' if unknown or error is None else f'± {error} %'})"
