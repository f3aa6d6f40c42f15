"""The shipped price book is the one that the price files say, and every figure in it has a source."""

import runpy
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from llmobserve.pricing import load_price_book, price_book_version
from llmobserve.pricing.rows import Model

ROOT = Path(__file__).resolve().parents[2]
PRICES = ROOT / "prices"
PROVIDERS = sorted(load_price_book().providers)
LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
KEPT_BY_HAND = ("anthropic", "azure_openai", "openai")


def models(provider: str) -> list[Model]:
    prices = load_price_book().provider(provider)
    assert prices is not None
    return list(prices.models())


def test_compiled_files_are_fresh() -> None:
    command = [sys.executable, str(PRICES / "tools/compile_book.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_version_names_the_newest_check_and_the_contents() -> None:
    day, _, digest = price_book_version().partition(".")
    files = [*PRICES.glob("*.yaml"), *PRICES.glob("longtail/*.yaml")]
    newest = max(day for path in files if (day := yaml.load(path.read_text("utf-8"), LOADER).get("checked_on")))
    assert date.fromisoformat(day) == date.fromisoformat(newest)
    assert len(digest) == 12


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_price_is_sane_and_has_a_source(provider: str) -> None:
    units = load_price_book().units()
    seen = 0
    for model in models(provider):
        assert model.blocks or model.free or model.unpriced
        for block in model.blocks:
            assert block.from_us is None or block.until_us is None or block.from_us < block.until_us
            for unit, rate in block.rates().items():
                seen += 1
                assert unit in units
                assert rate.usd >= 0
                assert rate.source is not None
                assert rate.source.startswith("https://")
                # Nothing on these lists costs more than $10 a unit; a slip of a factor of a million would.
                assert rate.usd / rate.per <= Decimal(10), (model.name, unit)
                if unit.endswith("_tokens"):
                    # The dearest token known is o1-pro's output in the United States: 660 dollars a million.
                    assert rate.usd / rate.per <= Decimal("0.00066"), (model.name, unit)
    assert seen > 0 or all(model.free or model.unpriced for model in models(provider))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_discounted_tokens_are_never_dearer_than_fresh_ones(provider: str) -> None:
    for model in models(provider):
        for block in model.blocks:
            rates = block.rates()
            if {"input_text_tokens", "cache_read_text_tokens"} <= rates.keys():
                assert rates["cache_read_text_tokens"].usd <= rates["input_text_tokens"].usd, model.name


@pytest.mark.parametrize("provider", PROVIDERS)
def test_above_a_threshold_every_token_price_is_stated(provider: str) -> None:
    for model in models(provider):
        short: dict[str, set[str]] = {}
        long: dict[str, set[str]] = {}
        for block in model.blocks:
            target = short if block.above_input_tokens is None else long
            tokens = {unit for unit in block.rates() if unit.endswith("_tokens")}
            target.setdefault(str(block.dimensions), set()).update(tokens)
        for conditions, units in long.items():
            assert units <= short[conditions], (model.name, conditions)
            if provider in KEPT_BY_HAND:
                assert not units or units == short[conditions], (model.name, conditions)


def test_a_broken_price_file_is_refused(tmp_path: Path) -> None:
    tools = runpy.run_path(str(PRICES / "tools/price_yaml.py"))
    head = "provider: broken\nchecked_on: 2026-01-01\nsources: {pricing: https://x}\nmodels:\n  m:\n    prices:\n"
    for row, word in (
        ("{rates: {input_text_tokens: cheap}}", "cheap"),
        ("{rates: {input_text_tokens: -1}}", "-1"),
        ("{rates: {imput_text_tokens: 1}}", "imput_text_tokens"),
        ("{source: rumour, rates: {input_text_tokens: 1}}", "rumour"),
        ("{wen: {batch: true}, rates: {input_text_tokens: 1}}", "wen"),
        ("{rates: {input_text_tokens: 1}}\n      - {from: 2026-01-01, rates: {input_text_tokens: 2}}", "overlap"),
    ):
        path = tmp_path / "broken.yaml"
        path.write_text(f"{head}      - {row}\n", "utf-8")
        file = tools["ProviderFile"](path, tools["load_units"]())
        with pytest.raises(ValueError, match=word):
            list(file.models())


def test_every_decision_has_a_reason_and_a_date() -> None:
    decisions = yaml.safe_load((PRICES / "decisions.yaml").read_text("utf-8"))["decisions"]
    assert decisions
    for decision in decisions:
        assert decision["decided_on"] >= date(2026, 11, 1)
        assert decision["reason"].endswith(".")
        assert {"provider", "model"} <= decision.keys()


def test_no_code_knows_a_multiplier() -> None:
    source = ROOT / "python/llmobserve/src/llmobserve/pricing"
    for file in source.glob("*.py"):
        for word in ("batch", "flex", "priority", "fast", "residency", "272", "200_000", "gpt", "claude"):
            assert word not in file.read_text("utf-8"), (file.name, word)
