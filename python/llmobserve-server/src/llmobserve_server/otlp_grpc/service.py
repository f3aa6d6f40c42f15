"""The three export services of OTLP on a gRPC server in the event loop of the collector.

A request stays bytes until the ingestor decodes it, as by HTTP. Overload is UNAVAILABLE with RetryInfo, which every
exporter knows; RESOURCE_EXHAUSTED comes only from gRPC itself, for a message that will never be taken.
"""

import importlib
import importlib.util
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import unquote

from llmobserve_server.auth.deployment import is_loopback
from llmobserve_server.auth.gate import Gate
from llmobserve_server.auth.key_headers import project_named
from llmobserve_server.auth.origin import PROXY_HEADERS
from llmobserve_server.auth.senders import sender_access
from llmobserve_server.errors import ServerError
from llmobserve_server.ingest import Ingestor
from llmobserve_server.ingest.otlp.answers import Signal, rpc_code, status_body, success_body
from llmobserve_server.ingest.otlp.batch import log_batch, metric_batch, trace_batch

__all__ = ["OtlpGrpc", "grpc_is_installed"]

_logger = logging.getLogger(__name__)
_MB = 1024 * 1024
_RETRY_AFTER_S = 1
_STREAMS_MAX = 16
"""Requests that one connection may have under way."""
_STOP_WITHIN_S = 5
_SERVICES = {
    "traces": ("opentelemetry.proto.collector.trace.v1.TraceService", trace_batch),
    "logs": ("opentelemetry.proto.collector.logs.v1.LogsService", log_batch),
    "metrics": ("opentelemetry.proto.collector.metrics.v1.MetricsService", metric_batch),
}

_Handler = Callable[[bytes, Any], Awaitable[bytes]]


def grpc_is_installed() -> bool:
    """Whether the extra `grpc` is there."""
    return importlib.util.find_spec("grpc") is not None


class OtlpGrpc:
    """The server.

    Args:
        gate: the credentials.
        ingestor: takes what comes.
        max_message_bytes: largest request, as sent and decompressed.
    """

    def __init__(self, gate: Gate, ingestor: Ingestor, *, max_message_bytes: int) -> None:
        self._gate = gate
        self._ingestor = ingestor
        self._max_message_bytes = max_message_bytes
        self._server: Any = None
        self.port: int | None = None
        """Where it listens; `None` while it does not."""

    async def start(self, host: str, port: int) -> None:
        """Listen, or say in the log why not: whoever sends by HTTP needs nothing of this."""
        grpc: Any = importlib.import_module("grpc")
        aio: Any = importlib.import_module("grpc.aio")
        server = aio.server(
            options=[
                ("grpc.max_receive_message_length", self._max_message_bytes),
                ("grpc.max_concurrent_streams", _STREAMS_MAX),
                # Otherwise two collectors would share the port, each with half of the traffic.
                ("grpc.so_reuseport", 0),
            ],
            compression=grpc.Compression.NoCompression,
        )
        server.add_generic_rpc_handlers(tuple(self._service(grpc, signal) for signal in _SERVICES))
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            server.add_insecure_port(address)
        except RuntimeError:
            _logger.warning(
                "OTLP by gRPC is off: %s cannot be listened on, most often because it is in use. "
                "LLMOBSERVE_OTLP_GRPC_PORT takes another port, or 0 for none. OTLP by HTTP is taken as always.",
                address,
            )
            return
        await server.start()
        self._server, self.port = server, port

    async def stop(self) -> None:
        """Answer what is under way and end. Idempotent."""
        server, self._server, self.port = self._server, None, None
        if server is not None:
            await server.stop(_STOP_WITHIN_S)

    def _service(self, grpc: Any, signal: Signal) -> Any:
        name, _ = _SERVICES[signal]
        handler = grpc.unary_unary_rpc_method_handler(self._export(grpc, signal))
        return grpc.method_handlers_generic_handler(name, {"Export": handler})

    def _export(self, grpc: Any, signal: Signal) -> _Handler:
        codes = {code.value[0]: code for code in grpc.StatusCode}

        async def export(request: bytes, context: Any) -> bytes:
            try:
                return await self._take(request, context, signal)
            except ServerError as error:
                status, message = error.status, error.message
            except Exception:
                _logger.exception("OTLP by gRPC failed")
                status, message = 500, "The server failed on this request. Its log has the reason."
            wait_s = _RETRY_AFTER_S if status == 503 else None
            context.set_trailing_metadata(
                (("grpc-status-details-bin", status_body(status, message, "protobuf", wait_s)),)
            )
            await context.abort(codes[rpc_code(status)], message)
            raise AssertionError("abort always raises")

        return export

    async def _take(self, request: bytes, context: Any, signal: Signal) -> bytes:
        headers = {name.lower(): value for name, value in context.invocation_metadata() if isinstance(value, str)}
        host = _host_of(context.peer())
        is_here = host is not None and is_loopback(host) and PROXY_HEADERS.isdisjoint(headers)
        access = await sender_access(self._gate, headers, host, is_here=is_here)
        if not request:
            return b""
        named = project_named(headers)
        answer = await self._ingestor.submit(
            request,
            content_encoding=None,
            project_id=access.project_id,
            entrance=partial(
                _SERVICES[signal][1], encoding="protobuf", project=None if named == access.project_id else named
            ),
        )
        return success_body(answer, signal, "protobuf")


def _host_of(peer: str) -> str | None:
    """Address in what gRPC calls a peer: `ipv4:127.0.0.1:4711`, `ipv6:%5B::1%5D:4711`."""
    kind, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else None
