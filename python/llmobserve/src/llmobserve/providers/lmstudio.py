"""LM Studio: the OpenAI and Anthropic shapes of a server of one's own.

https://lmstudio.ai/docs/app/api, read 2026-11-21. Port 1234 of this machine is taken for it; other hosts are declared.
"""

from llmobserve.providers.base import Provider
from llmobserve.providers.compatible_server import own_server_endpoints

__all__ = ["PROVIDER"]

PROVIDER = Provider(name="lmstudio", endpoints=own_server_endpoints())
