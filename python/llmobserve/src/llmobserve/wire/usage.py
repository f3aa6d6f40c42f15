"""Usage as disjoint units.

Every quantity that a provider bills is in exactly one unit: a token read from a cache is in
`cache_read_text_tokens` and not also in `input_text_tokens`. Adapters convert each provider's own convention into
this one, so that a price is a plain sum over units.
"""

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from typing import Any, Literal

from llmobserve.wire.values import value_class

__all__ = ["Quantity", "Usage", "UsageSource", "input_tokens", "output_tokens"]

Quantity = int | Decimal
"""A whole number, or a decimal (a string on the wire) where a unit can be fractional. Never a float."""

UsageSource = Literal["response", "header", "request", "application", "estimated", "unknown"]
"""Where the quantities are from: the answer, its headers, the request (characters to speak), the application (which
reported the call by hand), a local estimate, or `unknown` when nothing could be read."""


@value_class
class Usage:
    """What one call consumed."""

    units: Mapping[str, Quantity] = field(default_factory=dict[str, Quantity])
    """Disjoint billed units by name (`prices/units.yaml` lists them). Absent = not reported; 0 = reported as zero."""
    details: Mapping[str, Quantity] = field(default_factory=dict[str, Quantity])
    """Sub-counts of the units for display (`reasoning_tokens` is part of `output_text_tokens`). Never billed twice.

    Also facts from which tokens are estimated, `input_` or `output_`: `text_bytes`, and of an estimate
    `bytes_per_token`, `estimate_calls` (finished calls that gave that ratio) and `error_percent`."""
    source: UsageSource = "unknown"
    flags: tuple[str, ...] = ()
    """What a reader must know: `partial` (the stream ended early), `sum_mismatch` (the units do not add up to the
    provider's own total), `malformed` (a field was not a sane number and was left out).

    Of an estimate: `unseen_input` (images, files or an earlier conversation are not in it), `unseen_reasoning` (nor
    tokens that the answer does not show); and by what, `input_` or `output_`: `learned` (finished calls), `counted`
    (the stored text, with the model's vocabulary), `counted_alike` (with another one); without: four bytes a token."""
    raw: Any = None
    """The provider's own usage object as it was sent; `None` when there was none."""


def _sum_tokens(units: Mapping[str, Quantity], prefixes: tuple[str, ...]) -> int | None:
    parts = [int(n) for unit, n in units.items() if unit.endswith("_tokens") and unit.startswith(prefixes)]
    return sum(parts) if parts else None


def input_tokens(units: Mapping[str, Quantity]) -> int | None:
    """All input tokens, cached and fresh, of any modality. `None` when no token count of the input is known."""
    return _sum_tokens(units, ("input_", "cache_read_", "cache_write_"))


def output_tokens(units: Mapping[str, Quantity]) -> int | None:
    """All output tokens, reasoning included. `None` when no token count of the output is known."""
    return _sum_tokens(units, ("output_",))
