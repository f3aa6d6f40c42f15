"""What the application of `application.py` costs, worked out by hand from the price lists.

US dollars per million tokens (openai.com/api/pricing, docs.claude.com/en/docs/about-claude/pricing, 2026-11):

    gpt-4o-mini             input 0.15   cached input 0.075   output 0.60
    text-embedding-3-small  input 0.02
    claude-haiku-4-5        input 1.00   cache read 0.10   cache write, 5 minutes, 1.25   output 5.00

A token estimate is 4 bytes a token, rounded up; a message counts 16 bytes besides its text.
"""

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["CALLS", "RUNS", "TOTAL_USD", "Expected"]


@dataclass(frozen=True)
class Expected:
    """One call."""

    usd: Decimal | None
    run_name: str
    customer: str
    path: str
    parent: str
    """Name of the enclosing span."""
    cost_state: str = "priced"
    status: str = "ok"
    stream: bool = False
    times: int = 1


_NIGHTLY = "nightly report"
CALLS = {
    # 56 fresh × 0.15 + 64 cached × 0.075 + 30 × 0.60 = 8.4 + 4.8 + 18 = 31.2 millionths
    "plan": Expected(Decimal("0.0000312"), _NIGHTLY, "acme", "agent:planner", "planner"),
    # 200 × 0.15 + 20 × 0.60 = 30 + 12 = 42 millionths
    "search": Expected(Decimal("0.000042"), _NIGHTLY, "acme", "agent:planner/tool:search", "search"),
    # Refused before any token was processed: not billed.
    "refuse": Expected(Decimal(0), _NIGHTLY, "acme", "agent:planner", "planner", "free", "error"),
    # 50 × 0.15 + 10 × 0.60 = 7.5 + 6 = 13.5 millionths
    "draft": Expected(Decimal("0.0000135"), _NIGHTLY, "acme", "agent:writer", "writer", stream=True),
    # "case:leave": 10 + 16 bytes, 7 tokens; "alpha beta ": 11 bytes, 3 tokens: 7 × 0.15 + 3 × 0.60 = 2.85 millionths
    "leave": Expected(
        Decimal("0.00000285"), _NIGHTLY, "acme", "agent:writer", "writer", "estimated", "cancelled", stream=True
    ),
    # 25 × 1 + 15 × 5 = 100 millionths
    "polish": Expected(Decimal("0.0001"), _NIGHTLY, "acme", "agent:writer", "writer", stream=True),
    # 100 × 1 + 1000 × 0.10 + 2000 × 1.25 + 50 × 5 = 100 + 100 + 2500 + 250 = 2950 millionths
    "review": Expected(Decimal("0.00295"), "review", "acme", "agent:reviewer", "reviewer"),
    # 8 × 0.02 = 0.16 millionths
    "embed": Expected(Decimal("0.00000016"), "review", "acme", "agent:reviewer", "reviewer"),
    # 10 × 0.15 + 5 × 0.60 = 1.5 + 3 = 4.5 millionths, twice
    "small": Expected(Decimal("0.0000045"), "chat", "acme", "agent:support", "support", times=2),
    # 1000 × 0.15 + 500 × 0.60 = 150 + 300 = 450 millionths, twice
    "large": Expected(Decimal("0.00045"), "chat", "globex", "agent:support", "support", times=2),
}

TOTAL_USD = Decimal("0.00404871")
"""31.2 + 42 + 0 + 13.5 + 2.85 + 100 + 2950 + 0.16 + 2 × 4.5 + 2 × 450 = 4048.71 millionths."""

RUNS = {
    # 31.2 + 42 + 0 + 13.5 + 2.85 + 100 = 189.55 millionths
    (_NIGHTLY, "acme"): Decimal("0.00018955"),
    # 2950 + 0.16 = 2950.16 millionths
    ("review", "acme"): Decimal("0.00295016"),
    ("chat", "acme"): Decimal("0.000009"),
    ("chat", "globex"): Decimal("0.0009"),
}
