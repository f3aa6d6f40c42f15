"""Bodies by which price rules are made, changed and ended."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from llmobserve_server.api.models import Text, storable

__all__ = ["PriceRuleChange", "PriceRuleEnd", "PriceRuleRequest", "RateRequest"]

_MIN_YEAR, _MAX_YEAR = 1971, 2200


def _not_a_float(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise ValueError('write it as a decimal string, such as "2.50": numbers with a point are not exact in JSON')
    return value


def _utc(moment: datetime) -> datetime:
    if not _MIN_YEAR <= moment.year < _MAX_YEAR:
        raise ValueError(f"it must be between the years {_MIN_YEAR} and {_MAX_YEAR}")
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


_Exact = Annotated[Decimal, BeforeValidator(_not_a_float), Field(allow_inf_nan=False)]
_Time = Annotated[datetime, AfterValidator(_utc)]
"""One without an offset is taken as UTC."""
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(storable)]
_Note = Annotated[Text, Field(max_length=1000)]
_Units = Annotated[list[_Name], Field(min_length=1, max_length=100)]
_Percent = Annotated[_Exact, Field(ge=0, le=100, max_digits=9, decimal_places=6)]
_Tokens = Annotated[int, Field(ge=0, le=10**12)]


class RateRequest(BaseModel):
    """A rate of the project's own."""

    model_config = ConfigDict(extra="forbid")

    unit: _Name
    rate_usd: Annotated[_Exact, Field(ge=0, le=1_000_000, max_digits=24, decimal_places=18)]
    """Price of `per` units, as a decimal string."""
    per: Annotated[int, Field(ge=1, le=10**12)]
    """Number of units that the rate buys: 1000000 for a price of a million tokens."""


_Rates = Annotated[list[RateRequest], Field(min_length=1, max_length=100)]
_Dimensions = Annotated[dict[_Name, _Name], Field(max_length=16)]


class PriceRuleRequest(BaseModel):
    """Wanted rule."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["override", "discount", "free", "mapping"]
    provider: _Name | None = None
    """Needed, but for a discount on a model of any provider."""
    model: _Name | None = None
    """A name as calls have it, or a model of the price book. Needed for a mapping; `None`: every model."""
    to_provider: _Name | None = None
    to_model: _Name | None = None
    """Of a mapping: the model of the price book that the name means."""
    rates: _Rates | None = None
    """Of an override."""
    dimensions: _Dimensions = {}
    """Of an override: conditions under which its rates hold, as `{"batch": "true"}`."""
    above_input_tokens: _Tokens | None = None
    """Of an override: its rates hold for requests with more input tokens than this; `None`: of any length."""
    percent: _Percent | None = None
    """Of a discount, from 0 to 100, as a decimal string."""
    units: _Units | None = None
    """Of a discount: units that it is about; `None`: all."""
    valid_from: _Time | None = None
    """The rule holds for calls that start from then on; `None`: from now on."""
    valid_to: _Time | None = None
    """Exclusive; `None`: until further notice."""
    note: _Note = ""
    """Why: a contract, a ticket."""


class PriceRuleChange(BaseModel):
    """What shall be otherwise; what is left out stays. Kind, provider, model and conditions make another rule."""

    model_config = ConfigDict(extra="forbid")

    to_provider: _Name | None = None
    to_model: _Name | None = None
    rates: _Rates | None = None
    """All rates of the changed rule."""
    percent: _Percent | None = None
    units: _Units | None = None
    valid_from: _Time | None = None
    """From when on the change holds; `None`: from now on. The beginning of the old rule corrects it altogether."""
    valid_to: _Time | None = None
    """Left out: when the old rule would have ended. `None`: until further notice."""
    note: _Note | None = None


class PriceRuleEnd(BaseModel):
    """When a rule shall end."""

    model_config = ConfigDict(extra="forbid")

    at: _Time | None = None
    """Calls that start from then on are priced without it; `None`: from now on. The beginning of the rule, or a time
    before it, takes it out of force altogether."""
