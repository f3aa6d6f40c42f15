"""Which modules are watched for, and where the hooks of each are. Hooks are loaded when their library appears."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmobserve.capture.transport_hooks import TransportHooks

__all__ = ["LIBRARIES", "Library"]


@dataclass(frozen=True, slots=True)
class Library:
    """A client library or framework: the modules whose import is watched, and the class that hooks them."""

    name: str
    """Import name, as it is shown."""
    modules: tuple[str, ...]
    """Full names of the modules that hold what is hooked."""
    hooks: str
    """`module:class` of its `TransportHooks`. Libraries that name the same class share one instance."""
    instrumentor: str | None = None
    """Its name in the setting `use_instrumentors`, of a framework in `frameworks`. `None` for a transport, which is
    always hooked."""

    def make_hooks(self) -> "TransportHooks":
        """The hooks, with their module imported now."""
        module, _, name = self.hooks.partition(":")
        hooks: TransportHooks = getattr(import_module(module), name)()
        return hooks


_HTTPX_FAMILY = "llmobserve.capture.httpx_family:HttpxFamily"
_REDIS = ("redis.client", "redis.asyncio.client", "redis.cluster", "redis.asyncio.cluster")
_PYMONGO = ("pymongo.synchronous.pool", "pymongo.asynchronous.pool")
_STARLETTE = ("starlette.responses", "starlette.background")
_LEGACY_WEBSOCKETS = "llmobserve.capture.websockets_legacy_hooks:LegacyWebsocketsHooks"

LIBRARIES = (
    Library("httpx", ("httpx",), _HTTPX_FAMILY),
    Library("httpx2", ("httpx2",), _HTTPX_FAMILY),
    Library("aiohttp", ("aiohttp",), "llmobserve.capture.aiohttp_hooks:AiohttpHooks"),
    Library("urllib3", ("urllib3.connectionpool",), "llmobserve.capture.urllib3_hooks:Urllib3Hooks"),
    Library("http.client", ("http.client",), "llmobserve.capture.http_client_hooks:HttpClientHooks"),
    Library("grpc", ("grpc._channel",), "llmobserve.capture.grpc_hooks:GrpcHooks"),
    Library("grpc.aio", ("grpc.aio._call", "grpc.aio._channel"), "llmobserve.capture.grpc_aio_hooks:GrpcAioHooks"),
    Library("websockets", ("websockets.client",), "llmobserve.capture.websockets_hooks:WebsocketsHooks"),
    Library("websockets", ("websockets.legacy.client",), _LEGACY_WEBSOCKETS),
    Library("aiohttp", ("aiohttp.client",), "llmobserve.capture.aiohttp_websocket_hooks:AiohttpWebsocketHooks"),
    Library("httpx2", ("httpx2.websockets._api",), "llmobserve.capture.httpx2_websocket_hooks:Httpx2WebsocketHooks"),
    Library("starlette", _STARLETTE, "llmobserve.capture.starlette_hooks:StarletteHooks"),
    Library(
        "pinecone.grpc", ("pinecone.grpc",), "llmobserve.capture.pinecone_grpc_hooks:PineconeGrpcHooks", "pinecone"
    ),
    Library(
        "claude_agent_sdk",
        ("claude_agent_sdk._internal.query",),
        "llmobserve.capture.claude_agent_hooks:ClaudeAgentHooks",
        "claude_agent_sdk",
    ),
    Library(
        "azure.cognitiveservices.speech",
        ("azure.cognitiveservices.speech.speech",),
        "llmobserve.capture.azure_speech_hooks:AzureSpeechHooks",
        "azure_speech",
    ),
    Library("redis", _REDIS, "llmobserve.capture.redis_hooks:RedisHooks", "redis"),
    Library("pymongo", _PYMONGO, "llmobserve.capture.pymongo_hooks:PymongoHooks", "mongodb"),
)
