"""Rewrites the generated price files from the public lists, and shows what would change.

    python prices/tools/refresh.py            what would change, one line a price
    python prices/tools/refresh.py --write    change it, then compile the price book
    python prices/tools/refresh.py --check    fail when the generated files are not what the lists and decisions say

A price is taken when the lists that have it agree, or when `take` in `prices/decisions.yaml` says which is right. What
they dispute without a decision is left out, so that it is unpriced. Models kept by hand (`prices/<provider>.yaml`) are
never generated. Needs the packages of requirements.txt beside it: `./dev prices refresh` runs it with them.
"""

import argparse
import datetime as dt
import fnmatch
import subprocess
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent))

from draft import say
from merge_sources import Merged, Takes, merge_model
from price_yaml import LONGTAIL, PRICES, ProviderFile, load_units, load_yaml
from read_sources import Listed, SourceList, micros, provider_map, read_all

NEEDED = {"genai-prices", "litellm", "model-prices"}


def main() -> int:
    """Show, write or check. Returns 1 when `--check` finds a difference, 2 when a list is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--on", type=dt.date.fromisoformat, help="day of the check (today)")
    options = parser.parse_args()
    sources = read_all()
    if missing := NEEDED - {source.name for source in sources}:
        say(f"not installed: {', '.join(sorted(missing))}")
        return 2
    day = options.on or (_last_check() if options.check else dt.datetime.now(dt.UTC).date())
    files = generate(sources, day)
    changes = list(differences(files))
    say("\n".join(changes) or "nothing changes")
    if options.write:
        write(files)
        pin(sources)
        return subprocess.run(
            [sys.executable, str(Path(__file__).with_name("compile_book.py"))], check=False
        ).returncode
    return 1 if options.check and changes else 0


def _last_check() -> dt.date:
    """The day of the newest generated file: a check asks what the lists said then, not which day it is."""
    return max(dt.date.fromisoformat(load_yaml(path)["checked_on"]) for path in LONGTAIL.glob("*.yaml"))


def generate(sources: list[SourceList], day: dt.date) -> dict[str, list[str]]:
    """File name → lines."""
    shared = load_yaml(PRICES / "public_lists.yaml")["shared"]
    units = load_units()
    takes = Takes()
    files: dict[str, list[str]] = {}
    for provider, row in provider_map().items():
        if row.get("hand") == "true":
            continue
        kept = ProviderFile(PRICES / f"{provider}.yaml", units, PRICES) if _has_file(provider) else None
        models = dict(_models(provider, sources, takes, kept, micros(day)))
        lists = [f"{s.name} {s.version}" for s in sources if provider in s.models]
        if models:
            body = [line for name in sorted(models) for line in entry(name, models[name], units)]
            files[f"{provider}.yaml"] = [*_head(provider, row, day, lists, None if kept else shared), *body]
    return files


def _has_file(provider: str) -> bool:
    return (PRICES / f"{provider}.yaml").is_file()


class Known:
    """One model under one of its names."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.aliases: list[str] = []
        self.lists: dict[str, Listed] = {}
        self.spans: list[Merged] = []
        self.at_us = 0

    @property
    def present(self) -> Merged | None:
        """What is known of today; `None` when all that is known is past or future."""
        at_us = self.at_us
        return next(
            (s for s in self.spans if (s.from_us or 0) <= at_us and (s.until_us is None or at_us < s.until_us)), None
        )


def _models(
    provider: str, sources: list[SourceList], takes: Takes, kept: ProviderFile | None, at_us: int
) -> Iterator[tuple[str, Known]]:
    known: dict[str, Known] = {}
    for source in sources:
        for name, listed in source.models.get(provider, {}).items():
            known.setdefault(name.lower(), Known(name)).lists[source.name] = listed
    written = kept.written_names() if kept else set[str]()
    skipped = tuple(provider_map()[provider].get("skip", ()))
    for lower in [name for name in known if name in written or any(fnmatch.fnmatchcase(name, s) for s in skipped)]:
        del known[lower]
    for model in known.values():
        model.at_us = at_us
        model.spans = [span for span in merge_model(provider, model.name, model.lists, takes, at_us) if _useful(span)]
    _fold(known)
    for model in known.values():
        if model.spans:
            yield model.name, model


def _useful(span: Merged) -> bool:
    return bool(span.choices or span.disputed)


def _fold(known: dict[str, Known]) -> None:
    """Names that a list gives the same model become aliases where all their prices are the same."""
    for lower, model in list(known.items()):
        if lower not in known:
            continue
        for listed in model.lists.values():
            for name in listed.names:
                other = known.get(name.lower())
                if other is not None and other is not model and _rows(other) == _rows(model):
                    model.aliases += [other.name, *other.aliases]
                    del known[name.lower()]


def _rows(model: Known) -> Any:
    return [
        (s.from_us, s.until_us, {w: c.price for w, c in s.choices.items()}, sorted(s.disputed)) for s in model.spans
    ]


def _head(provider: str, row: Mapping[str, Any], day: dt.date, lists: list[str], shared: Any) -> list[str]:
    lines = [
        f"# Written by prices/tools/refresh.py from {', '.join(lists)}. Changes belong into decisions.yaml,",
        f"# public_lists.yaml or, for a model kept by hand, into prices/{provider}.yaml.",
        f"provider: {provider}",
        f"name: {row['name']}",
        f"checked_on: {day}",
        f"sources: {{list: {_quoted(row['page'])}}}",
    ]
    if shared is not None:
        lines[-1] = f"sources: {{list: {_quoted(row['page'])}, pricing: {_quoted(row['page'])}}}"
        lines.append(f"dimensions: {_flow(shared['dimensions'])}")
        lines.append(f"every_model: {_flow(shared['every_model'])}")
        lines.append(f"rules: {_flow(shared['rules'])}")
    return [*lines, "models:"]


def entry(name: str, model: Known, units: Mapping[str, Mapping[str, str]]) -> list[str]:
    """A model in the form of a price file."""
    lines = [f"  {_quoted(name)}:"]
    if model.aliases:
        lines.append(f"    aliases: {_flow(sorted(set(model.aliases)))}")
    present = model.present
    if present is not None and present.base_is_disputed:
        said = {w[0]: said for w, said in present.disputed.items() if w[1:] == ("", 0)}
        text = "; ".join(f"{unit} {_said(one, int(units[unit]['per']))}" for unit, one in said.items())
        return [
            *lines,
            f"    unpriced: {_quoted(f'The public price lists disagree or have an implausible price ({text}).')}",
        ]
    if any(where[0] == "cache_read_text_tokens" for span in model.spans for where in span.disputed):
        lines.append("    without_rules: [cached_as_input]")
    lines.append("    source: list")
    lines.append("    prices:")
    for span in model.spans:
        lines.extend(_span_rows(span, units))
    return lines


def _span_rows(span: Merged, units: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    groups: dict[tuple[str, int], dict[str, Decimal]] = {}
    doubts: dict[tuple[str, int], set[str]] = {}
    for (unit, condition, above), choice in span.choices.items():
        groups.setdefault((condition, above), {})[unit] = choice.price
        doubts.setdefault((condition, above), set()).add(choice.confidence)
    for (condition, above), rates in sorted(groups.items()):
        words = [f"from: {_iso(span.from_us)}"] if span.from_us is not None else []
        words += [f"until: {_iso(span.until_us)}"] if span.until_us is not None else []
        if condition:
            words.append(f"when: {_flow(dict(part.split('=', 1) for part in condition.split('&')))}")
        words += [f"above: {above}"] if above else []
        weakest = next((c for c in ("disputed", "single") if c in doubts[condition, above]), None)
        words += [f"confidence: {weakest}"] if weakest else []
        text = ", ".join(f"{unit}: {_rate(unit, price, units)}" for unit, price in sorted(rates.items()))
        yield f"      - {{{', '.join([*words, f'rates: {{{text}}}'])}}}"


def _rate(unit: str, price: Decimal, units: Mapping[str, Mapping[str, str]]) -> str:
    if unit == "input_seconds":
        hour = (price * 3600).quantize(Decimal("1e-4")).normalize()
        return f"{{price: {hour:f}, per: 3600}}"
    return format((price * int(units[unit]["per"])).quantize(Decimal("1e-9")).normalize(), "f")


def _said(said: Mapping[str, Decimal], per: int) -> str:
    return ", ".join(f"{source} {(p * per).quantize(Decimal('1e-6')).normalize():f}" for source, p in said.items())


def _iso(at_us: int) -> str:
    return f"{dt.datetime.fromtimestamp(at_us // 1_000_000, dt.UTC):%Y-%m-%d %H:%M:%S}".removesuffix(" 00:00:00")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return "{" + ", ".join(f"{_quoted(k)}: {_flow(v)}" for k, v in pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in cast("list[Any]", value)) + "]"
    return _quoted(str(value))


def differences(files: Mapping[str, list[str]]) -> Iterator[str]:
    """Lines that come and go, file by file, dates of the check left out."""
    for name in sorted({*files, *(path.name for path in LONGTAIL.glob("*.yaml"))}):
        old = (LONGTAIL / name).read_text("utf-8").splitlines() if (LONGTAIL / name).is_file() else []
        before, after = _priced_lines(old), _priced_lines(files.get(name, []))
        for line in sorted(before - after):
            yield f"{name} - {line}"
        for line in sorted(after - before):
            yield f"{name} + {line}"


def _priced_lines(lines: list[str]) -> set[str]:
    found: set[str] = set()
    model = ""
    for line in lines:
        if line.startswith("  ") and not line.startswith("   "):
            model = line.strip()
        elif line.startswith("    ") and not line.strip().startswith(("prices:", "source:")):
            found.add(f"{model} {line.strip()}")
    return found


def pin(sources: list[SourceList]) -> None:
    """Note which lists were read, so that the next run without `--newest` reads the same."""
    path = Path(__file__).with_name("requirements.txt")
    versions = {source.name: source.version for source in sources}
    lines = [line.partition("==") for line in path.read_text("utf-8").splitlines()]
    path.write_text("".join(f"{name}{sep}{versions.get(name, said)}\n" for name, sep, said in lines), "utf-8")


def write(files: Mapping[str, list[str]]) -> None:
    """Replace the generated files."""
    LONGTAIL.mkdir(exist_ok=True)
    for path in LONGTAIL.glob("*.yaml"):
        if path.name not in files:
            path.unlink()
    for name, lines in files.items():
        (LONGTAIL / name).write_text("\n".join(lines) + "\n", "utf-8")
    lines = [line for file in files.values() for line in file]
    models = sum(line.startswith('  "') for line in lines)
    unpriced = sum(line.startswith("    unpriced:") for line in lines)
    say(f"{len(files)} files, {models} models, {unpriced} of them disputed")


if __name__ == "__main__":
    sys.exit(main())
