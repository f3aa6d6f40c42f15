"""IBM watsonx.ai: generation with counts in every result, chat in OpenAI's shape, embeddings, reranking.

https://cloud.ibm.com/apidocs/watsonx-ai, read 2026-11-21. In a stream the counts run: the largest ones are the usage.
"""

from collections.abc import Mapping
from typing import Any, cast

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.openai_shape import ChatReader
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.prompt_text import prompt_text
from llmobserve.providers.quantities import Counters, as_mapping, estimated_usage, text_bytes, usage_of
from llmobserve.wire import CallKind, Quantity

__all__ = ["PROVIDER"]

_PREFIX = r"/ml/v1(?:-beta)?(?:/deployments/(?P<deployment>[^/]+))?"


def _model_of(asked: Mapping[str, Any], groups: Mapping[str, str | None]) -> str | None:
    return text_of(asked.get("model_id")) or groups.get("deployment")


class _Generation(OwnReader):
    """Reads generated text, embeddings and rankings."""

    input_keys = ("input", "inputs", "query")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._counts: dict[str, int] = {}
        self._malformed = False

    def take(self, body: Any) -> None:
        """Take the answer: the counts of all its results."""
        fields = as_mapping(body)
        self.model = text_of(fields.get("model_id"))
        counters = Counters()
        for item in [fields, *self._results(fields)]:
            for key in ("input_token_count", "generated_token_count"):
                number = counters.whole(item, key)
                if number is not None:
                    self._counts[key] = self._counts.get(key, 0) + number
        self._malformed = self._malformed or counters.malformed

    @staticmethod
    def _results(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        results = fields.get("results")
        return [as_mapping(item) for item in cast("list[Any]", results)] if isinstance(results, list) else []

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one piece."""
        self.model = text_of(event.get("model_id")) or self.model
        counters = Counters()
        for item in self._results(event):
            for key in ("input_token_count", "generated_token_count"):
                self._counts[key] = max(self._counts.get(key, 0), counters.whole(item, key) or 0)
            size = text_bytes(item.get("generated_text"))
            self.output_bytes += size
            self._has_content = self._has_content or size > 0
            if item.get("stop_reason") not in (None, "not_finished", "NOT_FINISHED"):
                self._terminal = True
        self._malformed = self._malformed or counters.malformed

    def asked_model(self) -> str | None:
        """The model, or the deployment that stands for one."""
        return _model_of(self.asked, self.groups)

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """The counts."""
        units: dict[str, Quantity] = {}
        names = (("input_token_count", "input_text_tokens"), ("generated_token_count", "output_text_tokens"))
        for key, unit in names:
            if key in self._counts:
                units[unit] = self._counts[key]
        flags = ("malformed",) if self._malformed else ()
        if ended_early and not self._terminal:
            flags = (*flags, "partial")
        if units:
            out.usage = usage_of(units, dict(self._counts), flags=flags)
        else:
            prompt = prompt_text(self.asked, self.input_keys)
            out.usage = estimated_usage(prompt, self.output_bytes or None, partial=ended_early)


class _Chat(ChatReader):
    """A chat; the model is called `model_id`, also in the request."""

    def take_identity(self, source: Mapping[str, Any]) -> None:
        """Keep what the answer says of itself."""
        super().take_identity(source)
        self.model = text_of(source.get("model_id")) or self.model

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = super().reading(ended_early=ended_early)
        out.request_model = out.request_model or _model_of(self.asked, self.match.groupdict())
        return out


def _endpoint(operation: str, kind: CallKind, path: str, reader: Any, **options: Any) -> Endpoint:
    return Endpoint(
        operation=operation, kind=kind, methods=("POST",), path=LazyPattern(_PREFIX + path), reader=reader, **options
    )


PROVIDER = Provider(
    name="watsonx",
    endpoints=(
        _endpoint(
            "text.generation",
            "llm",
            r"/(?:text/generation|generation/text|text/generation_stream|generation/text_stream)",
            _Generation,
            usage_key="",
        ),
        _endpoint("text.chat", "llm", r"/text/chat(?:_stream)?", _Chat),
        _endpoint(
            "text.embeddings", "embedding", r"/text/embeddings", _Generation, usage_key="", bulk_keys=(b"embedding",)
        ),
        _endpoint("text.rerank", "rerank", r"/text/rerank", _Generation, usage_key=""),
    ),
    request_id_headers=("x-request-id", "x-global-transaction-id"),
)
