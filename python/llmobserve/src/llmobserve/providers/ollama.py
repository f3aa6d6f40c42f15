"""Ollama on hardware of one's own."""

from llmobserve.providers.base import Provider
from llmobserve.providers.ollama_shape import ENDPOINTS

__all__ = ["PROVIDER"]

PROVIDER = Provider(name="ollama", endpoints=ENDPOINTS)
