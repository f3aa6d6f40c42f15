"""What all answers have in common: strict models, and money as decimal strings."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer

__all__ = ["Model", "Money"]


def _money_text(amount: Decimal) -> str:
    """All digits that count: `0.0075`, not `0.007500000000`."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


Money = Annotated[Decimal, PlainSerializer(_money_text, return_type=str, when_used="json")]
"""US dollars, exact; a decimal string in JSON."""


class Model(BaseModel):
    """Base of all answers: unknown fields are errors in our own code, not silently dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True)
