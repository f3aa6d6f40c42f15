"""Monitoring by decorator: figures about what functions return, and how recording itself goes."""

from llmobserve.monitoring.collector import MetricCollector
from llmobserve.monitoring.decorator import monitor_llm
from llmobserve.monitoring.health import health_check
from llmobserve.monitoring.registry import CollectorRegistry
from llmobserve.monitoring.span_context import SpanContext

__all__ = ["CollectorRegistry", "MetricCollector", "SpanContext", "health_check", "monitor_llm"]
