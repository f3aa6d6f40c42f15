"""Fireworks AI: OpenAI's and Anthropic's shapes below `/inference`.

Paths: client `fireworks-ai` 1.2, read 2026-11-21.
"""

from llmobserve.providers.base import Provider
from llmobserve.providers.compatible_server import compatible_endpoints

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"

PROVIDER = Provider(
    name="fireworks",
    endpoints=compatible_endpoints(_PREFIX, _PREFIX),
    request_id_headers=("x-request-id",),
)
