"""Compiles the price files into the data files that ship in the SDK.

python prices/tools/compile_book.py           write them
python prices/tools/compile_book.py --check   fail when they are stale
"""

import argparse
import datetime as dt
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from price_yaml import PRICES, ModelPrices, Price, PriceFileError, ProviderFile, load_units, provider_files

TARGET = PRICES.parent / "python/llmobserve/src/llmobserve/pricing/data"


def compile_book() -> dict[str, str]:
    """File name → content of the whole compiled book."""
    units = load_units()
    files = {"units.json": _units(units)}
    checked: list[str] = []
    providers: list[str] = []
    for path in provider_files():
        file = ProviderFile(path, units)
        files[f"{file.provider}.json"] = _dump(_provider(file))
        providers.append(file.provider)
        checked.append(file.checked_on.isoformat())
    digest = hashlib.sha256("".join(files[name] for name in sorted(files)).encode()).hexdigest()[:12]
    files["index.json"] = _dump({"version": f"{max(checked)}.{digest}", "providers": providers})
    return files


def _units(units: dict[str, dict[str, str]]) -> str:
    rows = {
        name: [unit["label"], unit["description"], int(unit.get("decimal") != "true")] for name, unit in units.items()
    }
    return _dump({"units": rows})


def _provider(file: ProviderFile) -> dict[str, Any]:
    data = file.data
    matching = data.get("matching", {})
    dimensions = data.get("dimensions", {})
    tables = Tables()
    models: dict[str, Any] = {}
    for model in file.models():
        models[model.name] = _model(model, file, tables)
    _refuse_shared_names(models, file.path)
    return {
        "provider": file.provider,
        "checked_on": file.checked_on.isoformat(),
        "prefixes": matching.get("prefixes", []),
        "suffixes": matching.get("suffixes", []),
        "patterns": [_pattern(row, file.path) for row in matching.get("patterns", ())],
        "windows": {name: _window(row) for name, row in data.get("windows", {}).items()},
        "by_completion": data.get("priced_at") == "completion",
        "dated_names": matching.get("dated_names") == "true",
        "deployments": matching.get("deployments") == "true",
        "strict": dimensions.get("strict", []),
        "values": dimensions.get("values", {}),
        "implied": dimensions.get("implied", {}),
        "free_operations": data.get("free_operations", {}),
        "per": {name: int(unit["per"]) for name, unit in file.units.items()},
        "sources": tables.sources,
        "rules": tables.rules,
        "shapes": tables.shapes,
        "models": models,
    }


class Tables:
    """Values that many rows share; a row holds their numbers."""

    def __init__(self) -> None:
        self.sources: list[str] = []
        self.rules: list[str] = []
        self.shapes: list[list[str]] = []
        """Lists of units that rows price."""


def _pattern(row: dict[str, Any], path: Path) -> dict[str, Any]:
    unknown = set(row) - {"match", "model", "dimensions", "free", "unpriced", "note"}
    named = "(?P<name>" in row["match"] or "model" in row
    if unknown or named == ("free" in row or "unpriced" in row):
        raise PriceFileError(f"{path.name}: pattern {row}")
    re.compile(row["match"])
    return row


_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _window(row: dict[str, Any]) -> list[Any]:
    """Weekdays, minutes of the day, and days since 1970 that are left out."""
    hours = sorted([_minutes(first), _minutes(last)] for first, last in row["utc"])
    days = [(dt.date.fromisoformat(day) - dt.date(1970, 1, 1)).days for day in row.get("except", ())]
    return [[_WEEKDAYS.index(day) for day in row["weekdays"]], hours, days]


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _model(model: ModelPrices, file: ProviderFile, tables: Tables) -> dict[str, Any]:
    if not (model.rows or model.free or model.unpriced):
        raise PriceFileError(f"{file.path.name}: {model.name} has no price")
    result: dict[str, Any] = {}
    if model.aliases:
        result["aliases"] = list(model.aliases)
    for key in ("free", "unpriced", "defaults", "per_call"):
        if value := getattr(model, key):
            result[key] = value
    blocks: list[list[Any]] = []
    for row in model.rows:
        head = [row.condition, row.above, row.from_us, row.until_us, row.window]
        head += [_index(tables.sources, row.source), _index(tables.rules, row.rule), row.confidence]
        prices = [_price(price, int(file.units[unit]["per"])) for unit, price in row.rates.items()]
        blocks.append([*head, _index(tables.shapes, list(row.rates)), prices])
    if blocks:
        result["blocks"] = blocks
    return result


def _price(price: Price, usual: int) -> str | list[Any]:
    text = format(price.usd.normalize(), "f")
    if price.minimum is not None or price.increment is not None:
        return [text, price.per, price.minimum, price.increment]
    return text if price.per == usual else [text, price.per]


def _index(values: list[Any], value: Any) -> int:
    if value not in values:
        values.append(value)
    return values.index(value)


def _refuse_shared_names(models: dict[str, Any], path: Path) -> None:
    seen: dict[str, str] = {}
    for name, model in models.items():
        for known in (name, *model.get("aliases", ())):
            if known.lower() in seen:
                raise PriceFileError(f"{path.name}: {known} names both {seen[known.lower()]} and {name}")
            seen[known.lower()] = name


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def say(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(text + "\n")


def main() -> int:
    """Write or check the compiled files. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file is stale")
    options = parser.parse_args()
    files = compile_book()
    stale = [n for n, text in files.items() if not (TARGET / n).is_file() or (TARGET / n).read_text("utf-8") != text]
    extra = [path.name for path in TARGET.glob("*.json") if path.name not in files]
    if options.check:
        if stale or extra:
            say(f"stale: {', '.join(sorted([*stale, *extra]))}; run python prices/tools/compile_book.py")
        return 1 if stale or extra else 0
    TARGET.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (TARGET / name).write_text(files[name], "utf-8")
    for name in extra:
        (TARGET / name).unlink()
    say(f"{len(files)} files, version {json.loads(files['index.json'])['version']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
