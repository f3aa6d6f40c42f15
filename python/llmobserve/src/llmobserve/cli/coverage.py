"""What of this environment is covered: the installed client libraries, what carries their calls, and what is not seen.

The tables are facts of the libraries' sources (read in November 2026). A library that is not named is covered all the
same if its bytes are moved by one of the hooked libraries.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from llmobserve.capture import PatchHealth

__all__ = [
    "CLIENTS",
    "TESTED",
    "UNCOVERED",
    "Client",
    "Gap",
    "client_coverage",
    "installed",
    "is_older",
    "library_coverage",
    "uncovered",
]


@dataclass(frozen=True, slots=True)
class Client:
    """A client library of providers."""

    distribution: str
    by: tuple[str, ...]
    """Hooked libraries, by import name, that move its bytes; which of them depends on version and way of use."""
    unless: str | None = None
    """What of it is not seen."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something installed whose calls cannot be seen, or not all."""

    distribution: str
    why: str
    instead: str


_HTTPX = ("httpx",)
_EITHER = ("httpx2", "httpx")
_REQUESTS = ("urllib3",)

CLIENTS = (
    Client("openai", (*_EITHER, "websockets")),
    Client("anthropic", _EITHER),
    Client("google-genai", (*_EITHER, "aiohttp", "websockets")),
    Client("mistralai", _EITHER),
    Client("huggingface-hub", _EITHER, "transfers of files by hf-xet (Rust), which are not billed"),
    Client("cohere", _HTTPX),
    Client("groq", _HTTPX),
    Client("together", _HTTPX),
    Client("perplexityai", _HTTPX),
    Client("ai21", _HTTPX),
    Client("replicate", _HTTPX),
    Client("fireworks-ai", (*_HTTPX, "aiohttp")),
    Client("cerebras-cloud-sdk", _HTTPX),
    Client("ollama", _HTTPX),
    Client("litellm", (*_HTTPX, "aiohttp"), "its Rust bridge, where that is switched on"),
    Client("xai-sdk", ("grpc",)),
    Client("boto3", _REQUESTS, "two-way streams over awscrt (Nova Sonic)"),
    Client("voyageai", (*_REQUESTS, "aiohttp")),
    Client("elevenlabs", (*_HTTPX, "websockets")),
    Client("deepgram-sdk", (*_HTTPX, "websockets")),
    Client("assemblyai", (*_HTTPX, "websockets")),
    Client("pyht", ("grpc", "urllib3", "aiohttp", "websockets")),
    Client("runwayml", _HTTPX),
    Client("pinecone", (*_HTTPX, "pinecone.grpc"), "GrpcIndex of versions before 8"),
    Client("weaviate-client", ("grpc", *_HTTPX)),
    Client("qdrant-client", (*_HTTPX, "grpc")),
    Client("pymilvus", ("grpc",)),
    Client("chromadb", _HTTPX, "local databases, which cost nothing"),
    Client("chromadb-client", _HTTPX),
    Client("redis", ("redis",)),
    Client("pymongo", ("pymongo",)),
    Client("elasticsearch", (*_REQUESTS, "aiohttp")),
    Client("stripe", (*_REQUESTS, "httpx", "aiohttp")),
    Client("twilio", (*_REQUESTS, "aiohttp")),
    Client("sendgrid", ("http.client",)),
    Client("algoliasearch", (*_REQUESTS, "aiohttp")),
    Client("tavily-python", (*_REQUESTS, "httpx")),
    Client("llama-cloud", _HTTPX),
    Client("claude-agent-sdk", ("claude_agent_sdk",)),
)

UNCOVERED = (
    Gap(
        "azure-cognitiveservices-speech",
        "its core is C++ and opens its own connections",
        "the REST API of Azure Speech, by any of the hooked libraries",
    ),
    Gap("awscrt", "its HTTP client is C: two-way streams of Bedrock pass by", "calls that boto3 sends by urllib3"),
    Gap("pycurl", "it is C: requests that Stripe or others send by it pass by", "requests, which Stripe prefers"),
    Gap("niquests", "it moves bytes by a copy of urllib3 under another name", "requests or httpx"),
)

TESTED: Mapping[str, tuple[str, str, str]] = {
    "httpx": ("httpx", "0.28", "0.28"),
    "httpx2": ("httpx2", "2.16", "2.16"),
    "aiohttp": ("aiohttp", "3.13", "3.14"),
    "urllib3": ("urllib3", "2.6", "2.8"),
    "grpc": ("grpcio", "1.78", "1.85"),
    "grpc.aio": ("grpcio", "1.78", "1.85"),
    "websockets": ("websockets", "13.0", "17.4"),
    "pinecone.grpc": ("pinecone", "10.2", "10.2"),
    "redis": ("redis", "8.1", "8.1"),
    "pymongo": ("pymongo", "4.20", "4.20"),
    "arq": ("arq", "0.28", "0.28"),
    "celery": ("celery", "5.7", "5.7"),
    "dramatiq": ("dramatiq", "2.2", "2.2"),
    "rq": ("rq", "3.0", "3.0"),
    "agents": ("openai-agents", "0.24", "0.24"),
    "google.adk": ("google-adk", "2.13", "2.13"),
    "langchain_core": ("langchain-core", "1.7", "1.7"),
    "langgraph": ("langgraph", "1.2", "1.2"),
    "mcp": ("mcp", "2.3", "2.3"),
    "pydantic_ai": ("pydantic-ai-slim", "2.68", "2.68"),
    "ag2": ("ag2", "1.2", "1.2"),
    "autogen_agentchat": ("autogen-agentchat", "0.7", "0.7"),
    "crewai": ("crewai", "1.15", "1.15"),
    "dspy": ("dspy", "3.4", "3.4"),
    "haystack": ("haystack-ai", "3.4", "3.4"),
    "llama_index": ("llama-index-core", "0.14", "0.14"),
    "smolagents": ("smolagents", "1.26", "1.26"),
}
"""By import name: the distribution, the lowest and the highest version (its first two numbers) that the tests use."""


def installed(distribution: str) -> str | None:
    """The installed version; `None` when it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def library_coverage(health: Sequence[PatchHealth]) -> list[dict[str, Any]]:
    """The state of every hook, with the installed version and how it stands to the versions of the tests."""
    rows: list[dict[str, Any]] = []
    for entry in health:
        distribution, lowest, highest = TESTED.get(entry.library, (entry.library, None, None))
        found = installed(distribution)
        rows.append(
            {
                **asdict(entry),
                "installed": found,
                "tested": None if lowest is None else f"{lowest} to {highest}",
                "is_tested": _is_within(found, lowest, highest),
            }
        )
    return rows


def is_older(library: str) -> bool:
    """True where an older version is installed than the tests use."""
    distribution, lowest, _ = TESTED.get(library, (library, None, None))
    found = installed(distribution)
    return found is not None and lowest is not None and _numbers(found) < _numbers(lowest)


def _is_within(found: str | None, lowest: str | None, highest: str | None) -> bool | None:
    """`None` where there is nothing to compare."""
    if found is None or lowest is None or highest is None:
        return None
    return _numbers(lowest) <= _numbers(found) <= _numbers(highest)


def _numbers(text: str) -> tuple[int, ...]:
    """The first two numbers of a version."""
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])


def client_coverage(health: Sequence[PatchHealth]) -> list[dict[str, Any]]:
    """Installed client libraries: covered or not, by which hooks, and what of them is not seen."""
    states: dict[str, set[str]] = {}
    for entry in health:
        states.setdefault(entry.library, set()).add(entry.state)
    rows: list[dict[str, Any]] = []
    for client in CLIENTS:
        found = installed(client.distribution)
        if found is not None:
            broken = [name for name in client.by if states.get(name, set()) & {"degraded", "missing"}]
            whole = [name for name in client.by if "active" in states.get(name, ()) and name not in broken]
            rows.append(
                {
                    "client": client.distribution,
                    "version": found,
                    "covered": bool(whole) and not broken,
                    "by": whole,
                    "broken": broken,
                    "unless": client.unless,
                }
            )
    return rows


def uncovered() -> list[dict[str, Any]]:
    """What is installed and cannot be seen, why, and what to use instead."""
    rows = [{**asdict(gap), "version": installed(gap.distribution)} for gap in UNCOVERED]
    return [row for row in rows if row["version"] is not None]
