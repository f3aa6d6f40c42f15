"""The key under which all records of one provider call are found: which ids of which providers name exactly one call.

`provider:response_id`, else `provider:request_id`. A provider's answer has an id of its own, so a retry, which gets
another answer, has another key. What is fetched later and repeatedly (a job that is polled) has the same event id in
every process and needs no key.
"""

__all__ = ["call_key"]

_REPEATED = frozenset({"ollama", "ollama_cloud", "vllm"})
"""Servers whose response ids repeat. Ollama draws its `chatcmpl-N` from 999 numbers (middleware/openai.go in
ollama/ollama), vLLM takes the `X-Request-Id` of the caller (`_base_request_id` in vllm-project/vllm, both read
2026-11-21)."""
_SEVERAL_CALLS = frozenset({"batches", "live"})
"""Operations whose id is that of many charges, or begins anew: a batch, the turns of a session that is resumed."""
_GROUP_IDS = ("batch_", "msgbatch_", "conv_", "sess_", "thread_")
"""Beginnings of ids that OpenAI and Anthropic give to what holds several calls."""
_SHARED_REQUESTS = frozenset(
    {"chroma", "elasticsearch", "lmstudio", "local", "milvus", "paypal", "pinecone", "qdrant", "weaviate"}
)
"""Where the request id is the caller's own (`X-Opaque-Id`, servers behind one's own proxy), or is that of several
charges (the captures of a PayPal order, a query of Pinecone that embeds and reranks)."""
_SWITCHED = 101


def call_key(
    provider: str, operation: str, response_id: str | None, request_id: str | None, http_status: int | None = None
) -> str | None:
    """The key of a call; `None` where no id of it is known that belongs to this call alone."""
    if provider in _REPEATED or operation in _SEVERAL_CALLS:
        return None
    if response_id:
        return None if response_id.startswith(_GROUP_IDS) else f"{provider}:{response_id}"
    # All charges of a session over WebSocket have the request id of its opening.
    if not request_id or http_status == _SWITCHED or provider in _SHARED_REQUESTS:
        return None
    return f"{provider}:{request_id}"
