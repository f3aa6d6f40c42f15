"""Voyage AI: embeddings and reranking, billed by the total of tokens.

Paths: https://docs.voyageai.com/reference, read 2026-11-21; the models are also served by MongoDB.
"""

from llmobserve.providers.base import Endpoint, LazyPattern, Provider
from llmobserve.providers.openai_shape import EmbeddingReader, shape_endpoints
from llmobserve.providers.quantities import Counters, as_mapping, usage_of
from llmobserve.wire import Usage

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/[^/]+)*"


class _Multimodal(EmbeddingReader):
    """Embeddings of texts and pictures: what is not text of the total are tokens of pictures and videos."""

    def stated_usage(self, *, text_output: bool = True) -> Usage | None:
        """Usage as the answer states it."""
        usage = super().stated_usage()
        counters = Counters()
        text = counters.whole(as_mapping(self.usage_raw), "text_tokens")
        total = usage.units.get("input_text_tokens") if usage is not None else None
        if usage is None or text is None or total is None:
            return usage
        if text > total:
            return usage_of(dict(usage.units), usage.raw, flags=(*usage.flags, "sum_mismatch"))
        units = {"input_text_tokens": text, "input_image_tokens": total - text}
        return usage_of({name: number for name, number in units.items() if number}, usage.raw, flags=usage.flags)


PROVIDER = Provider(
    name="voyage",
    endpoints=(
        Endpoint(
            operation="multimodalembeddings",
            kind="embedding",
            methods=("POST",),
            path=LazyPattern(_PREFIX + r"/multimodalembeddings"),
            reader=_Multimodal,
            bulk_keys=(b"embedding",),
        ),
        Endpoint(
            operation="contextualizedembeddings",
            kind="embedding",
            methods=("POST",),
            path=LazyPattern(_PREFIX + r"/contextualizedembeddings"),
            reader=EmbeddingReader,
            bulk_keys=(b"embedding",),
        ),
        *shape_endpoints(_PREFIX, only=("embeddings", "rerank")),
    ),
)
