"""The price files as written by people: reading, checking, and expanding their rules into explicit rows."""

import datetime as dt
import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple, cast

import yaml

PRICES = Path(__file__).resolve().parent.parent
_TEXT_ONLY = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
LONGTAIL = PRICES / "longtail"
NOT_PROVIDERS = ("units", "decisions", "public_lists")
ROW_KEYS = {"when", "above", "at_least", "from", "until", "during", "source", "confidence", "rates", "says"}
CONFIDENCES = ("verified", "single", "disputed", "estimated")


class Price(NamedTuple):
    """What a number of units costs."""

    usd: Decimal
    per: int
    minimum: str | None = None
    """Least quantity billed a call."""
    increment: str | None = None
    """The quantity is billed in whole multiples of this."""

    def times(self, factor: Decimal) -> "Price":
        """The same price, dearer or cheaper."""
        return self._replace(usd=self.usd * factor)


class PriceFileError(ValueError):
    """A price file says something that cannot be right; the message names the file and the place."""


@dataclass(frozen=True)
class Row:
    """Prices under one set of conditions. The compiled book is a list of these."""

    when: Mapping[str, str]
    above: int | None
    from_us: int | None
    until_us: int | None
    source: str
    notes: tuple[str, ...]
    confidence: str
    rates: Mapping[str, Price]
    window: str | None = None
    """Name of the hours of the week in which the row holds; `None` = always."""

    @property
    def condition(self) -> str:
        """The conditions as one string, in a fixed order."""
        return "&".join(f"{key}={value}" for key, value in sorted(self.when.items()))

    @property
    def rule(self) -> str:
        """Why the row applies, for the receipt."""
        parts = [f"{key.replace('_', ' ')} {value}" for key, value in sorted(self.when.items())]
        if self.above is not None:
            parts.append(f"more than {self.above:,} input tokens, which re-rates the whole request")
        if self.window is not None:
            parts.append(f"{self.window} hours")
        return "; ".join([", ".join(parts) or "list price", *dict.fromkeys(self.notes)])


@dataclass(frozen=True)
class ModelPrices:
    """A model with its rows, rules applied."""

    name: str
    aliases: tuple[str, ...] = ()
    free: str | None = None
    unpriced: str | None = None
    defaults: Mapping[str, str] = field(default_factory=dict[str, str])
    per_call: Mapping[str, int] = field(default_factory=dict[str, int])
    rows: tuple[Row, ...] = ()


def load_yaml(path: Path) -> dict[str, Any]:
    """A price file with every scalar as text, so that no price is ever a float."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_TEXT_ONLY)


def load_units() -> dict[str, dict[str, str]]:
    """`units.yaml`: unit name → label, description, per, decimal."""
    return load_yaml(PRICES / "units.yaml")["units"]


def provider_files() -> list[Path]:
    """Price files, one a provider: the one kept by hand, else the generated one."""
    found = {path.name: path for path in LONGTAIL.glob("*.yaml")}
    found |= {path.name: path for path in PRICES.glob("*.yaml") if path.stem not in NOT_PROVIDERS}
    return [found[name] for name in sorted(found)]


class ProviderFile:
    """One provider's price file."""

    def __init__(self, path: Path, units: Mapping[str, Mapping[str, str]], longtail: Path | None = None) -> None:
        """Read `path` and the generated file beside it; `longtail` is another folder of generated files."""
        self.path = path
        self.data = load_yaml(path)
        self.units = units
        self.provider: str = self.data["provider"]
        if self.provider != path.stem:
            raise PriceFileError(f"{path.name}: provider is {self.provider!r}, the file says {path.stem!r}")
        self.sources: dict[str, str] = dict(self.data["sources"])
        self._neighbours: dict[str, ProviderFile] = {}
        self.checked_on = dt.date.fromisoformat(self.data["checked_on"])
        self.written: dict[str, Any] = self.data.get("models") or {}
        """Models kept by hand."""
        self.generated: dict[str, Any] = self._read_generated(longtail)
        self.entries: dict[str, Any] = {**self.generated, **self.written}
        for provider, names in self.data.get("models_of", {}).items():
            self.entries |= self._borrowed(provider, names.get("but", ()))

    def _neighbour(self, provider: str) -> "ProviderFile":
        other = self._neighbours.get(provider)
        if other is None:
            path = self.path.with_name(f"{provider}.yaml")
            path = path if path.is_file() else LONGTAIL / path.name
            other = self._neighbours[provider] = ProviderFile(path, self.units)
        return other

    def _borrowed(self, provider: str, but: Iterable[str]) -> dict[str, Any]:
        """The models of another price file that are sold at this provider's hosts too, at their list price."""
        known = {name.lower() for name in self.entries}
        known |= {alias.lower() for entry in self.entries.values() for alias in entry.get("aliases", ())}
        return {
            name: {"same_as": f"{provider}/{name}", "same_conditions": [""]}
            for name, entry in self._neighbour(provider).entries.items()
            if entry.get("prices")
            and name.lower() not in known
            and not any(fnmatch.fnmatchcase(name.lower(), one) for one in but)
        }

    def _read_generated(self, longtail: Path | None) -> dict[str, Any]:
        """Models of the generated file whose names are not kept by hand."""
        file = (longtail or self.path.parent / "longtail") / self.path.name
        if not file.is_file():
            return {}
        data = load_yaml(file)
        self.sources |= data["sources"]
        self.checked_on = max(self.checked_on, dt.date.fromisoformat(data["checked_on"]))
        kept = self.written_names()
        return {name: entry for name, entry in data["models"].items() if name.lower() not in kept}

    def written_names(self) -> set[str]:
        """Ids and aliases of the models kept by hand, in lower case."""
        return {known.lower() for name, entry in self.written.items() for known in (name, *entry.get("aliases", ()))}

    def models(self) -> Iterator[ModelPrices]:
        """Every model, with all rules expanded into rows."""
        for name in self.entries:
            yield self.model(name)

    def model(self, name: str) -> ModelPrices:
        """One model, with all rules expanded into rows."""
        entry = self.entries[name]
        rows = self.plain_rows(name)
        rules = [*entry.get("rules", ()), *self.data.get("every_model", ())]
        for rule in rules if rows else ():
            if rule not in entry.get("without_rules", ()):
                rows = self._apply(rule, rows, name)
        _refuse_overlaps(rows, f"{self.path.name}: {name}")
        return ModelPrices(
            name=name,
            aliases=tuple(entry.get("aliases", ())),
            free=entry.get("free"),
            unpriced=entry.get("unpriced"),
            defaults=entry.get("defaults", {}),
            per_call={unit: int(count) for unit, count in entry.get("per_call", {}).items()},
            rows=tuple(rows),
        )

    def plain_rows(self, name: str) -> list[Row]:
        """Rows of a model as written, before any rule; those of `same_as` included."""
        entry = self.entries[name]
        rows: list[Row] = []
        if "same_as" in entry:
            provider, _, model = entry["same_as"].partition("/")
            other = self._neighbour(provider)
            own = {(_text(p.get("when", {})), p.get("above"), p.get("from")) for p in entry.get("prices", ())}
            tiers = set(entry.get("same_conditions", self.data.get("same_conditions", ())))
            for row in other.plain_rows(model):
                at = _iso(row.from_us)
                if row.condition in tiers and (row.condition, _text(row.above), at) not in own:
                    rows.append(row)
        for number, price in enumerate(entry.get("prices", ()), 1):
            rows.append(self._row(price, entry, f"{self.path.name}: {name}, row {number}"))
        return rows

    def _row(self, price: Mapping[str, Any], entry: Mapping[str, Any], place: str) -> Row:
        unknown = set(price) - ROW_KEYS
        if unknown:
            raise PriceFileError(f"{place}: unknown keys {sorted(unknown)}")
        source = price.get("source") or entry.get("source") or "pricing"
        confidence = price.get("confidence") or entry.get("confidence") or "verified"
        if source not in self.sources or confidence not in CONFIDENCES:
            raise PriceFileError(f"{place}: source {source!r} or confidence {confidence!r} is not known")
        return Row(
            when=dict(price.get("when", {})),
            above=_threshold(price),
            window=self._window(price.get("during"), place),
            from_us=_micros(price.get("from")),
            until_us=_micros(price.get("until")),
            source=self.sources[source],
            notes=(price["says"],) if "says" in price else (),
            confidence=confidence,
            rates=self._rates(price["rates"], place),
        )

    def _rates(self, rates: Mapping[str, Any], place: str) -> dict[str, Price]:
        result: dict[str, Price] = {}
        for unit, value in rates.items():
            if unit not in self.units:
                raise PriceFileError(f"{place}: {unit} is not in units.yaml")
            said = cast("dict[str, str]", value) if isinstance(value, dict) else {"price": str(value)}
            text, per = said["price"], said.get("per", self.units[unit]["per"])
            try:
                usd = Decimal(text)
            except InvalidOperation:
                raise PriceFileError(f"{place}: {unit} costs {text!r}") from None
            if not usd.is_finite() or usd < 0:
                raise PriceFileError(f"{place}: {unit} costs {text!r}")
            result[unit] = Price(usd, int(per), said.get("minimum"), said.get("increment"))
        return result

    def _window(self, name: str | None, place: str) -> str | None:
        if name is not None and name not in self.data.get("windows", {}):
            raise PriceFileError(f"{place}: the window {name!r} is not known")
        return name

    def _apply(self, name: str, rows: list[Row], model: str) -> list[Row]:
        rule = self.data["rules"].get(name)
        if rule is None:
            raise PriceFileError(f"{self.path.name}: {model} uses the unknown rule {name!r}")
        if "only_models" in rule and not any(fnmatch.fnmatchcase(model, one) for one in rule["only_models"]):
            return rows
        source = self.sources[rule.get("source", "pricing")]
        says = rule["says"]
        added: list[Row] = []
        if "copy" in rule:
            added = [row for old in rows if (row := _copied(old, rows, rule))]
        elif "derive" in rule:
            added = [row for old in rows if (row := _derived(old, rule))]
        elif "multiply" in rule:
            added = [row for old in rows if (row := _multiplied(old, rule, rows))]
        elif "add" in rule:
            rates = self._rates(rule["add"], f"{self.path.name}: rule {name}")
            added = list(_fees(rows, rates, rule.get("when", {}), rule.get("confidence", "verified")))
        else:
            raise PriceFileError(f"{self.path.name}: rule {name!r} does nothing")
        said = rule.get("confidence")
        return [
            *rows,
            *(replace(r, notes=(*r.notes, says), source=source, confidence=said or r.confidence) for r in added),
        ]


def _copied(row: Row, rows: list[Row], rule: Mapping[str, Any]) -> Row | None:
    same = [r for r in rows if (r.condition, r.above, r.window) == (row.condition, row.above, row.window)]
    known = {unit for r in same for unit in r.rates}
    if rule.get("only_without") and any(rule["only_without"] in r.rates for r in rows):
        return None
    rates = {unit: row.rates[of] for unit, of in rule["copy"].items() if unit not in known and of in row.rates}
    return replace(row, rates=rates) if rates else None


def _derived(row: Row, rule: Mapping[str, Any]) -> Row | None:
    if rule.get("only_with") and rule["only_with"] not in row.rates:
        return None
    factor = Decimal(rule["multiply"])
    rates = {unit: row.rates[of].times(factor) for unit, of in rule["derive"].items() if of in row.rates}
    return replace(row, rates=rates) if rates else None


def _multiplied(row: Row, rule: Mapping[str, Any], rows: list[Row]) -> Row | None:
    if any(row.when.get(key) == value for key, value in rule.get("not_with", {}).items()):
        return None
    if rule["when"].keys() & row.when.keys():
        return None
    from_us = _later(row.from_us, _micros(rule.get("from")))
    until_us = _sooner(row.until_us, _micros(rule.get("until")))
    if from_us is not None and until_us is not None and from_us >= until_us:
        return None
    factor = Decimal(rule["multiply"])
    added = replace(row, when={**row.when, **rule["when"]}, rates={}, from_us=from_us, until_us=until_us)
    written = {
        unit
        for other in rows
        if (other.condition, other.above, other.window) == (added.condition, added.above, added.window)
        and _overlap(other, added)
        for unit in other.rates
    }
    rates = {
        unit: price.times(factor)
        for unit, price in row.rates.items()
        if unit.endswith("_tokens") and unit not in written
    }
    return replace(added, rates=rates) if rates or not row.rates else None


def _fees(rows: list[Row], rates: Mapping[str, Price], when: Mapping[str, str], confidence: str) -> Iterator[Row]:
    """The fees once under each condition that the model has."""
    conditions = {row.condition: row for row in rows if row.above is None and row.window is None}
    for row in conditions.values():
        target = replace(row, when={**row.when, **when}, rates={}, from_us=None, until_us=None, confidence=confidence)
        known = {unit for other in rows if other.condition == target.condition for unit in other.rates}
        own = {unit: price for unit, price in rates.items() if unit not in known}
        if own:
            yield replace(target, rates=own, notes=())


def _refuse_overlaps(rows: list[Row], place: str) -> None:
    seen: dict[tuple[str, int | None, str | None, str], list[Row]] = {}
    for row in rows:
        for unit in row.rates:
            same = seen.setdefault((row.condition, row.above, row.window, unit), [])
            if any(_overlap(row, other) for other in same):
                raise PriceFileError(f"{place}: two prices of {unit} for {row.condition or 'list'} overlap in time")
            same.append(row)


def _overlap(a: Row, b: Row) -> bool:
    starts = max(a.from_us or 0, b.from_us or 0)
    ends = [end for end in (a.until_us, b.until_us) if end is not None]
    return not ends or starts < min(ends)


def _threshold(price: Mapping[str, Any]) -> int | None:
    """Input tokens that must be exceeded; `at_least` counts the number itself in."""
    if "at_least" in price:
        return int(price["at_least"]) - 1
    return int(price["above"]) if "above" in price else None


def _later(a: int | None, b: int | None) -> int | None:
    return max((x for x in (a, b) if x is not None), default=None)


def _sooner(a: int | None, b: int | None) -> int | None:
    return min((x for x in (a, b) if x is not None), default=None)


def _micros(day: str | None) -> int | None:
    if day is None:
        return None
    moment = dt.datetime.fromisoformat(day)
    moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment
    return int(moment.timestamp()) * 1_000_000


def _iso(micros: int | None) -> str | None:
    return None if micros is None else dt.datetime.fromtimestamp(micros // 1_000_000, dt.UTC).date().isoformat()


def _text(value: Any) -> Any:
    if isinstance(value, dict):
        return "&".join(f"{k}={v}" for k, v in sorted(cast("dict[str, str]", value).items()))
    return None if value is None else str(value)
