"""Where OTLP is taken: at its own paths, and below those that other tools' SDKs send to."""

from collections.abc import Mapping
from typing import Literal

from llmobserve_server.ingest.otlp.answers import Signal

__all__ = ["OTLP_BASES", "OTLP_PATHS"]

OTLP_BASES: Mapping[str, str] = {
    "": "OpenTelemetry, traceloop, Phoenix, MLflow and all whose endpoint can be set",
    "/api/public/otel": "Langfuse",
    "/api/v1/private/otel": "Opik",
    "/otel": "LangSmith",
    "/api/otlp": "a base path of one's own, such as that of Logfire's and traceloop's collectors",
}
"""Path before `/v1/…`, and who sends there."""
_SIGNALS: tuple[Literal["traces", "logs", "metrics"], ...] = ("traces", "logs", "metrics")

OTLP_PATHS: Mapping[str, Signal] = {f"{base}/v1/{signal}": signal for base in OTLP_BASES for signal in _SIGNALS}
"""Signal by path."""
