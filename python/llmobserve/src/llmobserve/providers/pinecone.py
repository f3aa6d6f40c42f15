"""Pinecone: serverless indexes (read and write units) and inference (tokens, rerank units).

Reads state their units. Writes do not: a write unit is a kilobyte of records, at least five a request, with four bytes
a dimension and nine a sparse value
(https://docs.pinecone.io/guides/manage-cost/understanding-cost, read 2026-11-21).
"""

import json
from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items, text_or_none, whole_text
from llmobserve.providers.quantities import as_mapping, text_bytes
from llmobserve.wire import Quantity

__all__ = ["PROVIDER", "record_bytes"]

_SERVERLESS = "serverless"
_UNIT_BYTES = 1000
_LEAST_WRITE_UNITS = 5
_DIMENSION_BYTES = 4
_SPARSE_VALUE_BYTES = 9


def record_bytes(record: Mapping[str, Any]) -> int:
    """Size of a record as Pinecone counts it: id, vectors and metadata."""
    size = text_bytes(record.get("id")) + _DIMENSION_BYTES * len(as_items(record.get("values")))
    sparse = as_mapping(record.get("sparseValues") or record.get("sparse_values"))
    size += _SPARSE_VALUE_BYTES * len(as_items(sparse.get("values")))
    metadata = record.get("metadata") or record.get("setMetadata")
    return size + (len(json.dumps(metadata, ensure_ascii=False)) if isinstance(metadata, dict) else 0)


def _write_units(size_bytes: int) -> int:
    return max(_LEAST_WRITE_UNITS, -(-size_bytes // _UNIT_BYTES))


class ReadReader(CallReader):
    """Reads a query, a fetch, a list or a search with integrated inference."""

    def identify(self, out: Reading) -> None:
        """Indexes are one product."""
        out.request_model = _SERVERLESS

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Read units; tokens and rerank units of integrated inference are charges of other models."""
        usage = as_mapping(self.body.get("usage"))
        units = self.counters.fraction(usage, "readUnits" if "readUnits" in usage else "read_units")
        embedded = self.counters.whole(usage, "embed_total_tokens")
        reranked = self.counters.whole(usage, "rerank_units")
        out.usage = self.usage({} if units is None else {"read_units": units}, "response", raw=dict(usage) or None)
        if embedded:
            tokens = self.usage({"input_text_tokens": embedded}, "response")
            out.items.append(
                Reading(request_model="integrated-embedding", usage=tokens, kind="embedding", operation="embed")
            )
        if reranked:
            model = text_or_none(as_mapping(self.asked.get("rerank")).get("model"))
            searches = self.usage({"search_units": reranked}, "response")
            out.items.append(Reading(request_model=model, usage=searches, kind="rerank", operation="rerank"))


class WriteReader(CallReader):
    """Reads a write, whose units are worked out from the size of the request."""

    def identify(self, out: Reading) -> None:
        """Indexes are one product."""
        out.request_model = _SERVERLESS

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Estimated write units. Of updates and deletes the size of the old record is not known: the least."""
        vectors = as_items(self.asked.get("vectors"))
        if vectors:
            size = sum(record_bytes(as_mapping(vector)) for vector in vectors)
        elif self.asked:
            size = record_bytes(self.asked)
        else:
            size = whole_text(self.request.headers.get("content-length")) or 0
        units: dict[str, Quantity] = {"write_units": _write_units(size)}
        counted = self.counters.whole(self.body, "upsertedCount")
        out.usage = self.usage(units, "estimated", details={} if counted is None else {"records": counted})


class EmbedReader(CallReader):
    """Reads embeddings."""

    def identify(self, out: Reading) -> None:
        """The model of the request."""
        out.request_model = text_or_none(self.asked.get("model"))

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Tokens."""
        usage = as_mapping(self.body.get("usage"))
        out.response_model = text_or_none(self.body.get("model"))
        total = self.counters.whole(usage, "total_tokens")
        out.usage = self.usage({} if total is None else {"input_text_tokens": total}, "response", raw=dict(usage))


class RerankReader(EmbedReader):
    """Reads a reranking."""

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Rerank units: one is a query."""
        usage = as_mapping(self.body.get("usage"))
        out.response_model = text_or_none(self.body.get("model"))
        count = self.counters.whole(usage, "rerank_units")
        out.usage = self.usage({} if count is None else {"search_units": count}, "response", raw=dict(usage))


class AssistantReader(CallReader):
    """Reads an answer of an assistant."""

    def identify(self, out: Reading) -> None:
        """Assistants are one product; the language model behind it is named too."""
        out.request_model = "assistant"
        if model := text_or_none(self.asked.get("model")):
            out.dimensions["language_model"] = model

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Tokens in and out."""
        usage = as_mapping(self.body.get("usage"))
        units: dict[str, Quantity] = {}
        for key, unit in (("prompt_tokens", "input_text_tokens"), ("completion_tokens", "output_text_tokens")):
            count = self.counters.whole(usage, key)
            if count is not None:
                units[unit] = count
        out.response_id = text_or_none(self.body.get("id"))
        out.usage = self.usage(units, "response", raw=dict(usage) or None)


_VECTORS = (b"values", b"vector", b"sparse_values", b"sparse_indices")

PROVIDER = Provider(
    name="pinecone",
    endpoints=(
        Endpoint(
            operation="query",
            kind="vector_db",
            methods=("POST",),
            path=LazyPattern(r"/query"),
            reader=ReadReader,
            bulk_keys=_VECTORS,
        ),
        Endpoint(
            operation="upsert",
            kind="vector_db",
            methods=("POST",),
            path=LazyPattern(r"/vectors/upsert|/records/namespaces/[^/]+/upsert|/namespaces/[^/]+/documents/upsert"),
            reader=WriteReader,
        ),
        Endpoint(
            operation="search",
            kind="vector_db",
            methods=("POST",),
            path=LazyPattern(r"/records/namespaces/[^/]+/search|/namespaces/[^/]+/documents/search"),
            reader=ReadReader,
        ),
        Endpoint(
            operation="fetch",
            kind="vector_db",
            methods=("GET", "POST"),
            path=LazyPattern(r"/vectors/(?:fetch|fetch_by_metadata|list)|/namespaces/[^/]+/documents/(?:fetch|list)"),
            reader=ReadReader,
            bulk_keys=_VECTORS,
        ),
        Endpoint(
            operation="update",
            kind="vector_db",
            methods=("POST",),
            path=LazyPattern(r"/vectors/update|/namespaces/[^/]+/documents/update"),
            reader=WriteReader,
        ),
        Endpoint(
            operation="delete",
            kind="vector_db",
            methods=("POST", "DELETE"),
            path=LazyPattern(r"/vectors/delete|/namespaces/[^/]+/documents/delete"),
            reader=WriteReader,
        ),
        Endpoint(
            operation="embed",
            kind="embedding",
            methods=("POST",),
            path=LazyPattern(r"/embed"),
            reader=EmbedReader,
            bulk_keys=_VECTORS,
        ),
        Endpoint(
            operation="rerank", kind="rerank", methods=("POST",), path=LazyPattern(r"/rerank"), reader=RerankReader
        ),
        Endpoint(
            operation="assistant.chat",
            kind="llm",
            methods=("POST",),
            path=LazyPattern(r"(?:/assistant)?/chat/[^/]+(?:/chat/completions)?"),
            reader=AssistantReader,
        ),
    ),
    request_id_headers=("x-pinecone-request-id",),
)
