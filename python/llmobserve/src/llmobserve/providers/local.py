"""A server on this machine that speaks the OpenAI or Anthropic shape and that no port gives a name.

It may run a model, or be a gateway to a paid one: so nothing is said about its price.
"""

from llmobserve.providers.base import Provider
from llmobserve.providers.compatible_server import own_server_endpoints

__all__ = ["PROVIDER"]

PROVIDER = Provider(name="local", endpoints=own_server_endpoints())
