"""Which provider a span means, in our names: from what it states, from the server's host, else from the model's name.

The names of others: OpenTelemetry (`docs/gen-ai/gen-ai-spans.md` of semantic-conventions-genai), LiteLLM
(`custom_llm_provider`), the AI SDK (`provider.interface`), LangChain (`ls_provider`); read 2026-11-21.
"""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from llmobserve.pricing import load_price_book
from llmobserve.pricing.match import find_model
from llmobserve.providers.hosts import LOOPBACK, name_at

__all__ = ["UNKNOWN", "host_of", "operation_of", "provider_of"]

UNKNOWN = "unknown"

_NAMES = {
    "amazon": "aws_bedrock",
    "amazon_bedrock": "aws_bedrock",
    "aws": "aws_bedrock",
    "aws_bedrock": "aws_bedrock",
    "az_ai_inference": "azure_openai",
    "az_ai_openai": "azure_openai",
    "azure": "azure_openai",
    "azure_ai": "azure_openai",
    "azure_ai_foundry": "azure_openai",
    "azure_ai_inference": "azure_openai",
    "azure_ai_openai": "azure_openai",
    "bedrock": "aws_bedrock",
    "bedrock_converse": "aws_bedrock",
    "claude": "anthropic",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "gcp_gemini": "google_gemini",
    "gcp_gen_ai": "google_gemini",
    "gcp_vertex_ai": "google_vertex",
    "gemini": "google_gemini",
    "google": "google_gemini",
    "google_ai": "google_gemini",
    "google_genai": "google_gemini",
    "google_generative_ai": "google_gemini",
    "google_gla": "google_gemini",
    "google_vertexai": "google_vertex",
    "generative_ai": "google_gemini",
    "hugging_face": "huggingface",
    "ibm": "watsonx",
    "ibm_watsonx": "watsonx",
    "ibm_watsonx_ai": "watsonx",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot_ai": "moonshot",
    "moonshotai": "moonshot",
    "open_ai": "openai",
    "perplexity_ai": "perplexity",
    "text_completion_openai": "openai",
    "together_ai": "together",
    "togetherai": "together",
    "vertex": "google_vertex",
    "vertex_ai": "google_vertex",
    "vertex_ai_beta": "google_vertex",
    "vertexai": "google_vertex",
    "voyage_ai": "voyage",
    "voyageai": "voyage",
    "watsonx_ai": "watsonx",
    "writerai": "writer",
    "x_ai": "xai",
    "z_ai": "zai",
}
"""Names of others, in lower case with `_` for any other sign, and what they are with us."""
_NO_PROVIDERS = frozenset(
    (
        *(
            "ag2",
            "agent_framework",
            "agno",
            "ai_sdk",
            "autogen",
            "azure_ai_agents",
            "crewai",
            "dspy",
            "gateway",
            "guardrails",
        ),
        *("haystack", "instructor", "langchain", "langgraph", "langsmith", "litellm", "litellm_proxy", "llama_index"),
        *("llamaindex", "logfire", "mcp", "microsoft", "mlflow", "openai_agents", "other", "portkey", "pydantic_ai"),
        *("semantic_kernel", "smolagents", "strands", "strands_agents", "traceloop", "unknown", "vercel", "_other"),
        *("custom", "custom_openai", "default", "none", "null", "openai_compatible", "openai_like"),
    )
)
"""Names of frameworks and of nobody: they say nothing about who answered."""
_COMPATIBLE = frozenset({"openai", UNKNOWN})
"""What a client library names where another host may speak the same interface."""

_BEDROCK_PUBLISHERS = "ai21 amazon anthropic cohere deepseek meta mistral openai qwen stability twelvelabs writer"
_BEGINNINGS: tuple[tuple[str, str], ...] = (
    ("openai", "gpt- chatgpt- codex- text-embedding-3 text-embedding-ada davinci babbage dall-e- whisper-1 tts-1"),
    ("openai", "o1 o3 o4 omni-moderation text-moderation computer-use"),
    ("anthropic", "claude-"),
    ("google_gemini", "gemini- models/gemini- imagen- veo- learnlm-"),
    ("mistral", "mistral- open-mistral- open-mixtral- codestral- ministral- magistral- pixtral- devstral- voxtral-"),
    ("cohere", "command c4ai- embed-english embed-multilingual embed-v4 rerank-english rerank-multilingual rerank-v"),
    ("deepseek", "deepseek-chat deepseek-reasoner deepseek-v"),
    ("xai", "grok-"),
    ("perplexity", "sonar"),
    ("voyage", "voyage- rerank-2"),
    ("writer", "palmyra-"),
    ("ai21", "jamba-"),
    ("moonshot", "kimi- moonshot-"),
    ("google_vertex", "projects/ publishers/"),
    ("aws_bedrock", "arn:aws"),
)
"""Beginnings of model names that only their makers give. Weights that many hosts serve (Llama, Qwen) name none."""
_MODELS = (
    (re.compile(r"claude-[^@/]+@\d+"), "google_vertex"),
    (
        re.compile(rf"(?:(?:[a-z]{{2,6}}|us-gov)\.)?(?:{'|'.join(_BEDROCK_PUBLISHERS.split())})\.[a-z0-9].*"),
        "aws_bedrock",
    ),
    *(
        (re.compile(rf"(?:ft:)?(?:{'|'.join(map(re.escape, words.split()))}).*"), provider)
        for provider, words in _BEGINNINGS
    ),
)
_MAKERS = ("openai", "anthropic", "google_gemini", "mistral", "cohere", "voyage", "deepseek", "xai", "zai", "minimax")
"""Providers whose price lists are asked for a name that no pattern knows, in this order."""
_SIGNS = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=4096)
def provider_of(stated: str | None, model: str | None, host: str | None, port: int | None = None) -> str:
    """Our name of the provider; `unknown` when nothing tells.

    `host`: name or URL of the server that was asked. It wins where the stated name is that of a client library which
    talks to many hosts; a host on this machine says nothing but for Ollama's port.
    """
    named = _named(stated) if stated else None
    if host and (named is None or named in _COMPATIBLE):
        found = _at(host, port)
        if found is not None:
            return found
    return named or (_by_model(model.lower()) if model else None) or UNKNOWN


def _named(stated: str) -> str | None:
    """A provider by the name that a span states; `None` for names of frameworks."""
    known = load_price_book().providers
    for part in (stated, stated.split(".", 1)[0], stated.split("/", 1)[0]):
        name = _SIGNS.sub("_", part.strip().lower()).strip("_")
        if name in _NO_PROVIDERS:
            return None
        found = _NAMES.get(name, name)
        if found in known or name in _NAMES:
            if found == "google_gemini" and "vertex" in stated.lower():
                return "google_vertex"
            return found
    return _SIGNS.sub("_", stated.strip().lower()).strip("_")[:64] or None


def _at(host: str, port: int | None) -> str | None:
    name, port = _parts(host, port)
    found = name_at(name, port)
    return None if name in LOOPBACK and found != "ollama" else found


@lru_cache(maxsize=1024)
def host_of(host: str, port: int | None) -> str | None:
    """Host and port in lower case, from a name or a URL; without the port of HTTPS."""
    name, port = _parts(host, port)
    return (f"{name}:{port}" if port is not None and port != _HTTPS else name) or None


_HTTPS = 443


def _parts(host: str, port: int | None) -> tuple[str, int | None]:
    if "/" in host or host.count(":") == 1:
        try:
            parts = urlsplit(host if "://" in host else f"//{host}")
            return (parts.hostname or "").lower(), parts.port or port
        except ValueError:
            return "", None
    return host.lower(), port


def _by_model(model: str) -> str | None:
    for pattern, provider in _MODELS:
        if pattern.fullmatch(model):
            return provider
    publisher, slash, rest = model.partition("/")
    if slash:
        named = _named(publisher)
        if named is not None and named in load_price_book().providers:
            return named
        return _by_model(rest)
    book = load_price_book()
    for provider in _MAKERS:
        prices = book.provider(provider)
        if prices is not None and find_model(prices, model) is not None:
            return provider
    return None


_OPERATIONS: dict[tuple[str, str], str] = {
    ("anthropic", "llm"): "messages",
    ("aws_bedrock", "llm"): "converse",
    ("cohere", "embedding"): "embed",
    ("cohere", "llm"): "chat",
    ("google_gemini", "embedding"): "models.embedContent",
    ("google_gemini", "llm"): "models.generateContent",
    ("google_vertex", "embedding"): "models.predict",
    ("google_vertex", "llm"): "models.generateContent",
    ("ollama", "llm"): "chat",
}
_OPERATIONS_OF_KIND = {
    "embedding": "embeddings",
    "rerank": "rerank",
    "moderation": "moderations",
    "llm": "chat.completions",
}
_COMPLETIONS = frozenset({"completion", "text_completion"})


def operation_of(provider: str, kind: str, stated: str | None, response_id: str | None, api: str | None) -> str:
    """Our name of the operation, as an SDK at the wire would have called it."""
    if kind == "llm" and (api == "responses" or (response_id is not None and response_id.startswith("resp_"))):
        return "responses"
    if stated in _COMPLETIONS and provider not in ("anthropic", "google_gemini", "google_vertex"):
        return "completions"
    return _OPERATIONS.get((provider, kind)) or _OPERATIONS_OF_KIND.get(kind) or stated or kind
