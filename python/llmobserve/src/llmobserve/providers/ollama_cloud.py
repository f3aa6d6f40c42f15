"""Ollama's own servers, which are paid for: the same interface at another host."""

from llmobserve.providers.base import Provider
from llmobserve.providers.ollama_shape import ENDPOINTS

__all__ = ["PROVIDER"]

PROVIDER = Provider(name="ollama_cloud", endpoints=ENDPOINTS)
