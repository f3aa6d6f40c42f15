"""Names of providers: as an application writes them, and which one a model is of."""

from enum import Enum
from functools import lru_cache

from llmobserve.providers.registry import PROVIDER_NAMES, load_provider

__all__ = ["UNKNOWN", "Provider", "api_operation", "maker_of", "provider_name"]

UNKNOWN = "unknown"
"""The provider of a model that no price list names."""
_ALIASES = {
    "amazon_bedrock": "aws_bedrock",
    "aws": "aws_bedrock",
    "azure": "azure_openai",
    "bedrock": "aws_bedrock",
    "claude": "anthropic",
    "fireworks_ai": "fireworks",
    "gemini": "google_gemini",
    "google": "google_gemini",
    "google_genai": "google_gemini",
    "google_vertexai": "google_vertex",
    "grok": "xai",
    "hugging_face": "huggingface",
    "mistralai": "mistral",
    "together_ai": "together",
    "vertex": "google_vertex",
    "vertex_ai": "google_vertex",
    "vertexai": "google_vertex",
    "voyageai": "voyage",
    "x_ai": "xai",
}
_MAKERS = (
    *("openai", "anthropic", "google_gemini", "mistral", "cohere", "deepseek", "xai", "voyage", "perplexity", "ai21"),
    *("moonshot", "zai", "minimax", "writer"),
)
"""Who is taken for the provider of a model that the application names alone: those that made it."""
_USUAL = ("chat.completions", "messages", "chat", "models.generateContent", "converse")


class Provider(str, Enum):
    """The providers of language models that this version knows by name; any other name is taken as text."""

    AI21 = "ai21"
    ANTHROPIC = "anthropic"
    AWS_BEDROCK = "aws_bedrock"
    AZURE_OPENAI = "azure_openai"
    CEREBRAS = "cerebras"
    COHERE = "cohere"
    DEEPINFRA = "deepinfra"
    DEEPSEEK = "deepseek"
    FIREWORKS = "fireworks"
    GOOGLE_GEMINI = "google_gemini"
    GOOGLE_VERTEX = "google_vertex"
    GROQ = "groq"
    HUGGINGFACE = "huggingface"
    LMSTUDIO = "lmstudio"
    MISTRAL = "mistral"
    OLLAMA = "ollama"
    OPENAI = "openai"
    OPENROUTER = "openrouter"
    PERPLEXITY = "perplexity"
    TOGETHER = "together"
    VLLM = "vllm"
    VOYAGE = "voyage"
    XAI = "xai"


def provider_name(given: str) -> str:
    """The name of a provider on the wire: lower case with `_`, usual other names replaced."""
    name = given.strip().lower().replace("-", "_").replace(" ", "_").replace(".", "_")
    return _ALIASES.get(name, name) or UNKNOWN


@lru_cache(maxsize=1024)
def maker_of(model: str) -> str:
    """The provider of a model named alone, by the price lists of those who make models; `vendor/model` names it.

    `unknown` where none of them lists it: such a call has no price.
    """
    from llmobserve.pricing import load_price_book  # the price book is read when first asked
    from llmobserve.pricing.match import find_model

    book = load_price_book()
    vendor, slash, bare = model.partition("/")
    name = provider_name(vendor)
    prices = book.provider(name) if slash else None
    if prices is not None and find_model(prices, bare) is not None:
        return name
    for maker in _MAKERS:
        prices = book.provider(maker)
        if prices is not None and find_model(prices, model) is not None:
            return maker
    return UNKNOWN


def api_operation(provider: str, kind: str) -> str:
    """The API operation that a call of this kind is by default: the price of some models depends on it."""
    if provider in PROVIDER_NAMES:
        found = [one.operation for one in load_provider(provider).endpoints if one.kind == kind]
        if found:
            return found[0] if found[0] in _USUAL else next((name for name in _USUAL if name in found), found[0])
    return "chat.completions" if kind == "llm" else kind
