"""Price files of services that are no language models: sane, sourced, and honest about plans."""

import io
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmobserve.cli.price import price_lines
from llmobserve.pricing import load_price_book

DATA = os.environ.get("LLMOBSERVE_TEST_DATA")
PRICES = Path(__file__).resolve().parents[2] / "prices"
SERVICES = (
    *("algolia", "assemblyai", "aws_polly", "aws_rekognition", "aws_transcribe", "azure_speech", "chroma", "deepgram"),
    *("elasticsearch", "elevenlabs", "llamacloud", "milvus", "mongodb", "paypal", "pinecone", "playht", "qdrant"),
    *("redis", "runway", "sendgrid", "stability", "stripe", "tavily", "twilio", "weaviate"),
)
PLANS = ("algolia", "elevenlabs", "llamacloud", "pinecone", "tavily")


@pytest.mark.parametrize("service", SERVICES)
def test_every_model_is_priced_or_says_why_not(service: str) -> None:
    prices = load_price_book().provider(service)
    assert prices is not None
    models = list(prices.models())
    assert models
    for model in models:
        for reason in (model.free, model.unpriced):
            assert reason is None or reason.endswith(".")
        assert bool(model.blocks) + (model.free is not None) + (model.unpriced is not None) == 1, model.name
        for block in model.blocks:
            for unit, rate in block.rates().items():
                # A slip of a factor of a thousand in any of these would be above a dollar.
                assert 0 < rate.usd / rate.per <= Decimal(1), (model.name, unit)
                assert rate.source is not None
                assert rate.source.startswith("https://")
                assert rate.rule.count("; ") >= 1 or block.dimensions, (model.name, "the rule says what it assumes")


@pytest.mark.parametrize("service", PLANS)
def test_prices_that_depend_on_a_plan_say_so(service: str) -> None:
    prices = load_price_book().provider(service)
    assert prices is not None
    rules = [
        rate.rule.lower() for model in prices.models() for block in model.blocks for rate in block.rates().values()
    ]
    assert rules
    assert all("plan" in rule for rule in rules)


@pytest.mark.parametrize("service", SERVICES)
def test_files_name_their_page_and_the_day_it_was_checked(service: str) -> None:
    data = yaml.safe_load((PRICES / f"{service}.yaml").read_text("utf-8"))
    assert data["provider"] == service
    assert data["checked_on"].year >= 2026
    assert all(page.startswith("https://") for page in data["sources"].values())


def priced(**line: Any) -> dict[str, Any]:
    out = io.StringIO()
    price_lines([json.dumps({"id": "x", "at": "2026-11-10T12:00:00Z", "response_usage": {}, **line})], out)
    return json.loads(out.getvalue())


def test_the_price_command_knows_services() -> None:
    image = priced(provider="stability", model="sd3.5-medium", endpoint="v2beta/stable-image/generate/sd3")
    assert (image["usd"], image["state"]) == ("0.035", "priced")
    payment = priced(
        provider="stripe",
        model="card-us-domestic",
        endpoint="payment_intents",
        response_usage={"amount": 2500, "currency": "usd"},
    )
    # 25 x 0.029 + 0.30
    assert (payment["usd"], payment["state"]) == ("1.025", "priced")


@pytest.mark.skipif(DATA is None, reason="LLMOBSERVE_TEST_DATA is not set")
def test_worked_examples_of_services() -> None:
    examples = json.loads(Path(str(DATA), "cost_vectors.json").read_text("utf-8"))["vectors"]
    mine = [example for example in examples if example["provider"] in SERVICES]
    assert mine
    for example in mine:
        asked = {key: example[key] for key in ("provider", "model", "endpoint", "at", "response_usage")}
        answer = priced(**asked)
        assert (answer["usd"], answer["state"]) == (example["expected_usd"], "priced"), example["id"]
