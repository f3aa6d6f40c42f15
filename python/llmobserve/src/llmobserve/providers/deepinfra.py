"""DeepInfra: OpenAI's and Anthropic's shapes and an interface of its own, all of which state what a call cost.

https://deepinfra.com/docs, read 2026-11-21.
"""

from decimal import Decimal
from typing import Any

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.openai_shape import ChatReader, EmbeddingReader, shape_endpoints
from llmobserve.providers.openai_shape.reader import ShapeReader
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.quantities import Counters, as_mapping, dollars, usage_of
from llmobserve.wire import Quantity

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"


class _Cost(ShapeReader):
    """`estimated_cost` of the usage object, in US dollars."""

    def reported_cost(self) -> Decimal | None:
        """What the answer says the call cost."""
        return dollars(as_mapping(self.usage_raw).get("estimated_cost"))


class _Chat(_Cost, ChatReader):
    """A chat with its cost."""


class _Embedding(_Cost, EmbeddingReader):
    """Embeddings with their cost."""


class _Inference(OwnReader):
    """Reads the own interface: `inference_status` has tokens and cost."""

    input_keys = ("input", "inputs", "prompt")
    _status: Any = None

    def take(self, body: Any) -> None:
        """Take the answer."""
        fields = as_mapping(body)
        self._status = fields.get("inference_status")
        self.response_id = text_of(fields.get("request_id"))

    def take_event(self, name: str | None, event: Any) -> None:
        """Take one event: tokens, and at the end the status."""
        if as_mapping(event.get("token")).get("text"):
            self._has_content = True
        if event.get("inference_status"):
            self._terminal = True
            self.take(event)

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """Usage and cost."""
        status = as_mapping(self._status)
        counters = Counters()
        units: dict[str, Quantity] = {}
        for key, unit in (("tokens_input", "input_text_tokens"), ("tokens_generated", "output_text_tokens")):
            number = counters.whole(status, key)
            if number is not None:
                units[unit] = number
        out.reported_cost_usd = dollars(status.get("cost"))
        out.usage = usage_of(units, self._status, flags=("malformed",) if counters.malformed else ())


PROVIDER = Provider(
    name="deepinfra",
    endpoints=(
        Endpoint(
            operation="inference",
            kind="other",
            methods=("POST",),
            path=LazyPattern(r"/v1/inference/(?P<model>.+)"),
            reader=_Inference,
            usage_key="inference_status",
            bulk_keys=(b"embeddings", b"images"),
        ),
        *shape_endpoints(
            _PREFIX,
            only=(
                "chat.completions",
                "completions",
                "embeddings",
                "images",
                "audio.speech",
                "audio.transcriptions",
                "audio.translations",
            ),
            readers={ChatReader: _Chat, EmbeddingReader: _Embedding},
        ),
        messages_endpoint(_PREFIX),
    ),
    request_id_headers=("x-request-id",),
)
