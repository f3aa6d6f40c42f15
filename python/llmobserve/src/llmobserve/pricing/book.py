"""The compiled price book: one data file a provider, read when that provider is first priced."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache, partial
from importlib import resources
from typing import Any, cast

from llmobserve.pricing.rows import Block, Model, Rate, Unit
from llmobserve.pricing.windows import Window

__all__ = [
    "NamePattern",
    "PriceBook",
    "ProviderPrices",
    "load_price_book",
    "price_book_version",
    "read_provider",
    "read_shipped",
]


@dataclass(frozen=True, slots=True)
class NamePattern:
    """A declared spelling of model names."""

    spelling: re.Pattern[str]
    """Matches a whole name in lower case. The group `name` is the model; other groups become dimensions."""
    dimensions: Mapping[str, str]
    free: str | None
    """Why every such name costs nothing; `None` when it is looked up."""
    unpriced: str | None
    """Why no such name has a price; `None` when it is looked up."""
    note: str | None
    """Why a price found this way is an estimate; `None` when it is exact."""
    model: str | None
    """The model that every such name means (all are billed alike); `None` when the spelling holds it."""


@dataclass(slots=True)
class ProviderPrices:
    """The prices of one provider and the rules by which its names are matched."""

    provider: str
    names: Mapping[str, str]
    """Ids and declared aliases in lower case → model."""
    prefixes: tuple[str, ...]
    suffixes: tuple[str, ...]
    patterns: tuple[NamePattern, ...]
    dated_names: bool
    """True when `-YYYY-MM-DD` and `-YYYYMMDD` name a snapshot of the model before it."""
    deployments: bool
    """True when the name in a request is chosen by the customer and so says nothing about the model."""
    by_completion: bool
    """True when the end of a call decides which price holds, not its start."""
    values: Mapping[str, Mapping[str, str]]
    """Dimension → value as sent → value in the price book; `*` stands for any other, an empty value for the list
    price."""
    implied: Mapping[str, Mapping[str, str]]
    """`dimension=value` → dimensions that follow from it."""
    strict: frozenset[str]
    """Dimensions that may not be ignored where a model has no price for them."""
    free_operations: Mapping[str, str]
    data: Mapping[str, Any]
    """The compiled file; models are made from it when they are first asked for."""
    resolved: dict[str, Any] = field(default_factory=dict[str, Any])
    plans: dict[Any, Any] = field(default_factory=dict[Any, Any])
    watched: dict[str, tuple[str, ...]] = field(default_factory=dict[str, "tuple[str, ...]"])
    """What look-ups found so far; emptied when it grows large."""
    nearest: dict[str, Any] = field(default_factory=dict[str, Any])
    """Proposals for unknown names, and since when (monotonic nanoseconds) they are gathered."""
    nearest_since_ns: int = 0
    made: dict[str, Model] = field(default_factory=dict[str, Model])

    def named(self, name: str) -> Model | None:
        """The model with this id or alias, in lower case; `None` when nothing is listed under it."""
        model_name = self.names.get(name)
        if model_name is None:
            return None
        model = self.made.get(model_name)
        if model is None:
            row = self.data["models"][model_name]
            model = self.made[model_name] = _read_model(self.provider, model_name, row, self.data)
        return model

    def models(self) -> Iterator[Model]:
        """Every model, each once. Makes them all: for tools and tests."""
        for name in self.data["models"]:
            model = self.named(name.lower())
            if model is not None:
                yield model


def read_shipped(name: str) -> dict[str, Any]:
    """A data file of the price book that ships with this version, decoded: a provider, `units` or `index`."""
    file = resources.files("llmobserve.pricing").joinpath("data", f"{name}.json")
    return cast("dict[str, Any]", json.loads(file.read_text(encoding="utf-8")))


class PriceBook:
    """All providers of one version of the price book, each read on first use.

    Args:
        version: date of its newest check and a hash of its contents.
        providers: those it has prices of.
        read: gives the decoded data file of a provider, or `units`.
    """

    def __init__(
        self, version: str, providers: frozenset[str], read: Callable[[str], dict[str, Any]] = read_shipped
    ) -> None:
        self.version = version
        self.providers = providers
        self._read = read
        self._loaded: dict[str, ProviderPrices] = {}
        self._units: Mapping[str, Unit] | None = None
        self._lock = threading.Lock()

    def provider(self, name: str) -> ProviderPrices | None:
        """Prices of the named provider; `None` when the book has none."""
        found = self._loaded.get(name)
        if found is None and name in self.providers:
            with self._lock:
                found = self._loaded.get(name) or self.read(name)
                self._loaded[name] = found
        return found

    def read(self, name: str) -> ProviderPrices:
        """Prices of a provider of this book, read again and not kept: for those who look at all of them once."""
        return read_provider(self._read(name))

    def units(self) -> Mapping[str, Unit]:
        """Every unit that a usage may carry, by name."""
        if self._units is None:
            rows = cast("dict[str, list[Any]]", self._read("units")["units"])
            self._units = {name: Unit(name, row[0], row[1], bool(row[2])) for name, row in rows.items()}
        return self._units


@lru_cache(maxsize=1)
def load_price_book() -> PriceBook:
    """The price book that ships with this version. Reads only its index; a provider is read when first asked for."""
    index = read_shipped("index")
    return PriceBook(index["version"], frozenset(index["providers"]))


def price_book_version() -> str:
    """Version of the shipped price book: the date of its newest check and a hash of its contents."""
    return load_price_book().version


def read_provider(data: Mapping[str, Any]) -> ProviderPrices:
    """The prices in a provider's decoded data file. Callers use `PriceBook.provider`, which does it once."""
    names: dict[str, str] = {}
    for model_name, row in data["models"].items():
        names[model_name.lower()] = model_name
        for alias in row.get("aliases", ()):
            names[alias.lower()] = model_name
    return ProviderPrices(
        provider=data["provider"],
        names=names,
        prefixes=tuple(data["prefixes"]),
        suffixes=tuple(data["suffixes"]),
        patterns=tuple(_read_pattern(row) for row in data["patterns"]),
        dated_names=data["dated_names"],
        deployments=data["deployments"],
        by_completion=data["by_completion"],
        values=data["values"],
        implied=data["implied"],
        strict=frozenset(data["strict"]),
        free_operations=data["free_operations"],
        data=data,
    )


def _read_pattern(row: Mapping[str, Any]) -> NamePattern:
    return NamePattern(
        spelling=re.compile(row["match"]),
        dimensions=row.get("dimensions", {}),
        free=row.get("free"),
        unpriced=row.get("unpriced"),
        note=row.get("note"),
        model=row.get("model"),
    )


def _read_model(provider: str, name: str, row: Mapping[str, Any], data: Mapping[str, Any]) -> Model:
    blocks = tuple(_read_block(f"{provider}/{name}", block, data) for block in row.get("blocks", ()))
    keys = {key for block in blocks for key in block.dimensions}
    return Model(
        name=name,
        free=row.get("free"),
        unpriced=row.get("unpriced"),
        defaults=row.get("defaults", {}),
        per_call=row.get("per_call", {}),
        blocks=blocks,
        dimension_keys=tuple(sorted(keys | set(data["strict"]))),
    )


def _read_block(owner: str, block: list[Any], data: Mapping[str, Any]) -> Block:
    condition, above, from_us, until_us, window, *rest = block
    dimensions = dict(part.split("=", 1) for part in condition.split("&")) if condition else {}
    scope = condition + (f">{above}" if above is not None else "") + (f"~{window}" if window else "")
    suffix = (f"?{scope}" if scope else "") + (f"@{from_us // 1_000_000}" if from_us is not None else "")
    return Block(
        dimensions,
        above,
        from_us,
        until_us,
        partial(_read_rates, owner, suffix, rest, data),
        None if window is None else Window.from_row(data["windows"][window]),
    )


def _read_rates(owner: str, suffix: str, rest: list[Any], data: Mapping[str, Any]) -> dict[str, Rate]:
    source, rule, confidence, shape, prices = rest
    rates: dict[str, Rate] = {}
    for unit, price in zip(data["shapes"][shape], cast("list[str | list[Any]]", prices), strict=True):
        said: list[Any] = [price, data["per"][unit]] if isinstance(price, str) else price
        minimum, increment = said[2:] or (None, None)
        text, per = str(said[0]), int(said[1])
        usd = Decimal(text)
        rates[unit] = Rate(
            usd=usd,
            per=per,
            usd_each=_each(usd, per),
            price_id=f"{owner}/{unit}{suffix}",
            rule=data["rules"][rule],
            source=data["sources"][source],
            estimated=confidence == "estimated",
            minimum=None if minimum is None else Decimal(str(minimum)),
            increment=None if increment is None else Decimal(str(increment)),
        )
    return rates


def _each(usd: Decimal, per: int) -> Decimal | None:
    digits = len(str(per)) - 1
    return usd.scaleb(-digits) if per == 10**digits else None
