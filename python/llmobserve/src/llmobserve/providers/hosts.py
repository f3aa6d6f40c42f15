"""Where each provider answers: all that must be known before a provider's own file is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass

from llmobserve.providers.base import LazyPattern

__all__ = ["LOOPBACK", "SITES", "Site", "name_at"]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "[::1]", "0.0.0.0", "host.docker.internal"})
"""Names of this machine, also as seen from inside a container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The hosts of one provider, all in lower case."""

    hosts: tuple[str, ...] = ()
    """Exact names, at any port."""
    suffixes: tuple[str, ...] = ()
    """Endings of names."""
    spelling: LazyPattern | None = None
    """What a name with such an ending must look like as a whole; `None` = anything."""
    ports: tuple[int, ...] = ()
    """Ports that nobody else uses: they stand for this provider at every host."""
    loopback_ports: tuple[int, ...] = ()
    """Ports that stand for this provider on this machine only."""


_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def _aws(service: str) -> Site:
    spelling = rf"(?:[^.]+\.)?{service}(?:-fips)?\.[a-z0-9-]+\.(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)"
    return Site(suffixes=_AWS, spelling=LazyPattern(spelling))


SITES: Mapping[str, Site] = {
    "openai": Site(
        hosts=("api.openai.com", "us.api.openai.com", "eu.api.openai.com"),
        suffixes=(".api.openai.com",),
    ),
    "azure_openai": Site(
        suffixes=(
            *(".openai.azure.com", ".openai.azure.us", ".openai.azure.cn"),
            *(".cognitiveservices.azure.com", ".cognitiveservices.azure.us", ".cognitiveservices.azure.cn"),
            *(".services.ai.azure.com", ".inference.ai.azure.com", ".models.ai.azure.com"),
        )
    ),
    "anthropic": Site(
        hosts=("api.anthropic.com", "claude.googleapis.com"),
        suffixes=(".api.aws",),
        spelling=LazyPattern(r"aws-external-anthropic\.[a-z0-9-]+\.api\.aws"),
    ),
    "google_gemini": Site(hosts=("generativelanguage.googleapis.com",)),
    "google_vertex": Site(
        hosts=("aiplatform.googleapis.com",),
        suffixes=("-aiplatform.googleapis.com", ".rep.googleapis.com"),
        spelling=LazyPattern(r"[a-z0-9-]+-aiplatform\.googleapis\.com|aiplatform\.[a-z0-9-]+\.rep\.googleapis\.com"),
    ),
    "aws_bedrock": Site(
        suffixes=(".amazonaws.com", ".amazonaws.com.cn", ".api.aws"),
        spelling=LazyPattern(
            r"(?:[^.]+\.)?bedrock-(?:runtime|mantle)(?:-fips)?\.[a-z0-9-]+\.(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)"
        ),
    ),
    "mistral": Site(hosts=("api.mistral.ai", "codestral.mistral.ai")),
    "cohere": Site(hosts=("api.cohere.com", "api.cohere.ai")),
    "voyage": Site(hosts=("api.voyageai.com", "ai.mongodb.com")),
    "groq": Site(hosts=("api.groq.com",)),
    "together": Site(hosts=("api.together.ai", "api.together.xyz")),
    "fireworks": Site(hosts=("api.fireworks.ai",)),
    "cerebras": Site(hosts=("api.cerebras.ai",)),
    "deepinfra": Site(hosts=("api.deepinfra.com",)),
    "novita": Site(hosts=("api.novita.ai",)),
    "deepseek": Site(hosts=("api.deepseek.com",)),
    "xai": Site(hosts=("api.x.ai",), suffixes=(".api.x.ai",)),
    "openrouter": Site(hosts=("openrouter.ai", "eu.openrouter.ai")),
    "perplexity": Site(hosts=("api.perplexity.ai",)),
    "ai21": Site(hosts=("api.ai21.com",)),
    "moonshot": Site(hosts=("api.moonshot.ai", "api.moonshot.cn")),
    "zai": Site(hosts=("api.z.ai", "open.bigmodel.cn")),
    "minimax": Site(hosts=("api.minimax.io", "api-uw.minimax.io", "api.minimaxi.com", "api.minimax.chat")),
    "huggingface": Site(
        hosts=("router.huggingface.co", "api-inference.huggingface.co"),
        suffixes=(".endpoints.huggingface.cloud",),
    ),
    "replicate": Site(hosts=("api.replicate.com",)),
    "writer": Site(hosts=("api.writer.com",)),
    "watsonx": Site(suffixes=(".ml.cloud.ibm.com",)),
    "aleph_alpha": Site(hosts=("api.aleph-alpha.com",)),
    "elevenlabs": Site(
        hosts=("api.elevenlabs.io", "api.us.elevenlabs.io"),
        suffixes=(".residency.elevenlabs.io",),
    ),
    "deepgram": Site(hosts=("api.deepgram.com", "api.eu.deepgram.com", "agent.deepgram.com")),
    "assemblyai": Site(suffixes=(".assemblyai.com",)),
    "playht": Site(hosts=("play.ht",), suffixes=(".play.ht",)),
    "azure_speech": Site(
        suffixes=(".tts.speech.microsoft.com", ".stt.speech.microsoft.com", ".api.cognitive.microsoft.com")
    ),
    "aws_polly": _aws("polly"),
    "aws_transcribe": _aws("transcribe"),
    "aws_rekognition": _aws("rekognition"),
    "stability": Site(hosts=("api.stability.ai",)),
    "runway": Site(hosts=("api.dev.runwayml.com",)),
    "pinecone": Site(hosts=("api.pinecone.io",), suffixes=(".pinecone.io",)),
    "weaviate": Site(suffixes=(".weaviate.cloud", ".weaviate.network")),
    "qdrant": Site(suffixes=(".cloud.qdrant.io",)),
    "milvus": Site(suffixes=(".zillizcloud.com", ".zillizcloud.com.cn")),
    "chroma": Site(suffixes=(".trychroma.com",)),
    "elasticsearch": Site(suffixes=(".elastic-cloud.com", ".elastic.cloud", ".es.io", ".found.io")),
    # Their drivers speak no HTTP: their hooks name them, whatever the host.
    "mongodb": Site(),
    "redis": Site(),
    "stripe": Site(hosts=("api.stripe.com",)),
    "paypal": Site(hosts=("api-m.paypal.com", "api.paypal.com", "api-m.sandbox.paypal.com", "api.sandbox.paypal.com")),
    "twilio": Site(hosts=("api.twilio.com", "verify.twilio.com", "lookups.twilio.com")),
    "sendgrid": Site(hosts=("api.sendgrid.com", "api.eu.sendgrid.com")),
    "algolia": Site(suffixes=(".algolia.net", ".algolianet.com")),
    "llamacloud": Site(hosts=("api.cloud.llamaindex.ai", "api.cloud.eu.llamaindex.ai")),
    "tavily": Site(hosts=("api.tavily.com",)),
    "ollama": Site(ports=(11434,)),
    "ollama_cloud": Site(hosts=("ollama.com", "api.ollama.com")),
    "vllm": Site(loopback_ports=(8000,)),
    "lmstudio": Site(loopback_ports=(1234,)),
    "local": Site(hosts=tuple(sorted(LOOPBACK))),
}
"""Every provider this version knows, by the name that its file and its price file have."""

_EXACT = {host: name for name, site in SITES.items() for host in site.hosts}
_ENDINGS = tuple((site.suffixes, site.spelling, name) for name, site in SITES.items() if site.suffixes)
_PORTS = {port: name for name, site in SITES.items() for port in site.ports}
_LOOPBACK_PORTS = {port: name for name, site in SITES.items() for port in site.loopback_ports}


def name_at(host: str, port: int | None) -> str | None:
    """Name of the provider at a lower-case host, `None` when it is none of ours. `port` is the one in the URL."""
    if port is not None:
        found = _PORTS.get(port) or (_LOOPBACK_PORTS.get(port) if host in LOOPBACK else None)
        if found is not None:
            return found
    if host in _EXACT:
        return _EXACT[host]
    for suffixes, spelling, name in _ENDINGS:
        if host.endswith(suffixes) and (spelling is None or spelling.fullmatch(host) is not None):
            return name
    return None
