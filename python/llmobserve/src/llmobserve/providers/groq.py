"""Groq: OpenAI's shape below `/openai`. A stream states its usage in `x_groq` even when nobody asked for it.

Fields: client `groq` 1.7, read 2026-11-21.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import ChatReader, shape_endpoints
from llmobserve.providers.quantities import as_mapping

__all__ = ["PROVIDER"]


class _Chat(ChatReader):
    """A chat whose stream has the usage beside the choices."""

    def take_identity(self, source: Mapping[str, Any]) -> None:
        """Keep what the answer says of itself."""
        super().take_identity(source)
        own = as_mapping(source.get("x_groq"))
        if own.get("usage") is not None:
            self.usage_raw = own["usage"]
        if own.get("error"):
            self.take_error(own["error"])
        self.tier = "default" if self.tier == "on_demand" else self.tier


PROVIDER = Provider(
    name="groq",
    endpoints=shape_endpoints(
        r"(?:/(?!chat/)[^/]+)*",
        only=(
            "chat.completions",
            "responses",
            "embeddings",
            "audio.speech",
            "audio.transcriptions",
            "audio.translations",
            "batches",
        ),
        readers={ChatReader: _Chat},
    ),
    request_id_headers=("x-request-id",),
)
