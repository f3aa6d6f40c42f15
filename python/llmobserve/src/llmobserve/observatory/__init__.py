"""Explicit tracking: the application reports sessions and calls itself, with routing, cache and quality.

Calls that are captured as well are not charged twice: `docs/decisions/0007-calls-told-by-hand.md`.
"""

from llmobserve.observatory.delivery import TrackedCall
from llmobserve.observatory.models import AgentRole, CacheMetadata, QualityEvaluation, RoutingDecision
from llmobserve.observatory.providers import Provider
from llmobserve.observatory.sessions import Observatory, Session

__all__ = [
    "AgentRole",
    "CacheMetadata",
    "Observatory",
    "Provider",
    "QualityEvaluation",
    "RoutingDecision",
    "Session",
    "TrackedCall",
]
