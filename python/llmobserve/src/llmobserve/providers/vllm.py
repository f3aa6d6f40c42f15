"""vLLM and what is built on it: the OpenAI and Anthropic shapes of a server of one's own.

https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html, read 2026-11-21. Port 8000 of this machine is
taken for it; other hosts are declared.
"""

from llmobserve.providers.base import Provider
from llmobserve.providers.compatible_server import own_server_endpoints

__all__ = ["PROVIDER"]

PROVIDER = Provider(name="vllm", endpoints=own_server_endpoints())
