"""Which provider answers where, and that none is loaded before it is met."""

import subprocess
import sys
from pathlib import Path

import pytest

from llmobserve.providers.registry import PROVIDER_NAMES, Registry, load_provider

PRICES = Path(__file__).parents[3] / "prices"


@pytest.mark.parametrize("name", PROVIDER_NAMES)
def test_every_provider_loads_under_its_name(name: str) -> None:
    provider = load_provider(name)
    assert provider.name == name
    assert provider.endpoints


def test_price_files_of_model_providers_are_known_providers() -> None:
    files = {path.stem for path in PRICES.glob("*.yaml")} - {"units", "decisions", "public_lists"}
    # Databases are reached by drivers, not by HTTP: no host stands for them.
    assert files - {"mongodb", "redis"} <= set(PROVIDER_NAMES)


def test_nothing_is_loaded_before_it_is_met() -> None:
    code = (
        "import sys, llmobserve.capture\n"
        "from llmobserve.providers.registry import Registry\n"
        "def loaded(): return sorted(m for m in sys.modules if m.startswith('llmobserve.providers.'))\n"
        "before = loaded()\n"
        "r = Registry({'llm.test': 'groq'}); r.provider_for('example.com'); assert loaded() == before, loaded()\n"
        "assert len(before) <= 4, before\n"
        "assert r.provider_for('api.voyageai.com').name == 'voyage'\n"
        "assert not any('google' in m or 'anthropic' in m for m in loaded()), loaded()\n"
        "assert r.provider_for('llm.test').name == 'groq'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [
        ("generativelanguage.googleapis.com", None, "google_gemini"),
        ("europe-west4-aiplatform.googleapis.com", None, "google_vertex"),
        ("storage.googleapis.com", None, None),
        ("bedrock-runtime.us-east-1.amazonaws.com", None, "aws_bedrock"),
        ("api.writer.com", 443, "writer"),
        ("us-east-1.api.x.ai", None, "xai"),
        ("openrouter.ai", None, "openrouter"),
        ("eu-de.ml.cloud.ibm.com", None, "watsonx"),
        ("abc.eu-west-1.aws.endpoints.huggingface.cloud", None, "huggingface"),
        ("localhost", 11434, "ollama"),
        ("ollama.com", None, "ollama_cloud"),
        ("gpu-box.internal", 11434, "ollama"),
        ("localhost", 8000, "vllm"),
        ("gpu-box.internal", 8000, None),
        ("127.0.0.1", 1234, "lmstudio"),
        ("localhost", 5002, "local"),
        ("localhost", None, "local"),
        ("api.groq.com.evil.test", None, None),
    ],
)
def test_places(host: str, port: int | None, name: str | None) -> None:
    registry = Registry()
    for _ in range(2):
        provider = registry.provider_for(host, port)
        assert (provider.name if provider else None) == name


def test_declared_host_wins_over_a_port() -> None:
    registry = Registry({"127.0.0.1:11434": "openai", "models.internal": "mistral"})
    found = [registry.provider_for("127.0.0.1", 11434), registry.provider_for("models.internal", 9)]
    assert [provider and provider.name for provider in found] == ["openai", "mistral"]


def test_unknown_provider_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown provider 'nobody'"):
        load_provider("nobody")
