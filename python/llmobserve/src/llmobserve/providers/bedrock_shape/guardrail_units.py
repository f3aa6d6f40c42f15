"""Guardrails of Bedrock: policies are billed by the units of text that each has looked at.

A text unit is up to a thousand characters
(https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_GuardrailUsage.html, read 2026-11-21).
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from llmobserve.providers.base import Reading
from llmobserve.providers.quantities import Counters, as_mapping, usage_of
from llmobserve.wire import Quantity, Usage

__all__ = ["checks_usage", "guardrail_reading", "guardrail_usage"]

_MODEL = "guardrail"
_POLICIES = {
    "contentPolicyUnits": "guardrail_content_units",
    "topicPolicyUnits": "guardrail_topic_units",
    "wordPolicyUnits": "guardrail_word_units",
    "sensitiveInformationPolicyUnits": "guardrail_personal_data_units",
    "contextualGroundingPolicyUnits": "guardrail_grounding_units",
    "automatedReasoningPolicyUnits": "guardrail_reasoning_units",
    "contentPolicyImageUnits": "guardrail_images",
}
_CHECKS = {
    "contentFilter": "guardrail_content_units",
    "promptAttack": "guardrail_content_units",
    "sensitiveInformation": "guardrail_personal_data_units",
}


def guardrail_usage(*stated: Any) -> Usage | None:
    """The units of several `usage` objects together; `None` when none states any."""
    counters = Counters()
    units: dict[str, Quantity] = {}
    for usage in map(as_mapping, stated):
        for key, unit in _POLICIES.items():
            number = counters.whole(usage, key)
            if number is not None:
                units[unit] = units.get(unit, 0) + number
    if not units and not counters.malformed:
        return None
    return usage_of(units, dict(as_mapping(stated[0])), flags=("malformed",) if counters.malformed else ())


def checks_usage(stated: Any) -> Usage:
    """The units of checks that were made without a guardrail of one's own."""
    counters = Counters()
    units: dict[str, Quantity] = {}
    for key, unit in _CHECKS.items():
        number = counters.whole(as_mapping(as_mapping(stated).get(key)), "textUnits")
        if number is not None:
            units[unit] = units.get(unit, 0) + number
    return usage_of(units, dict(as_mapping(stated)), flags=("malformed",) if counters.malformed else ())


def guardrail_reading(trace: Any, response_id: str | None) -> Reading | None:
    """The charge of the guardrail beside a conversation, by its trace; `None` when it tells of none."""
    guardrail = as_mapping(as_mapping(trace).get("guardrail"))
    usage = guardrail_usage(*_stated_in(guardrail))
    if usage is None or not any(usage.units.values()):
        return None
    return Reading(
        request_model=_MODEL,
        response_id=f"{response_id}/guardrail" if response_id else None,
        usage=usage,
        kind="moderation",
        operation="guardrail",
    )


def _stated_in(guardrail: Mapping[str, Any]) -> Iterator[Any]:
    """Usage objects of the assessments of the input, and of the pieces of the output."""
    found: list[Any] = list(as_mapping(guardrail.get("inputAssessment")).values())
    for pieces in as_mapping(guardrail.get("outputAssessments")).values():
        found += cast("list[Any]", pieces) if isinstance(pieces, list) else []
    for assessment in found:
        yield as_mapping(as_mapping(assessment).get("invocationMetrics")).get("usage")
