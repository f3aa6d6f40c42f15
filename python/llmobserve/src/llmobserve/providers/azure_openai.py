"""Azure OpenAI: OpenAI's shape below a deployment, whose name says nothing about the model.

Hosts and paths: https://learn.microsoft.com/azure/ai-services/openai/reference, read 2026-11-21. The model that is
priced is the one the answer names; the deployment goes into the dimensions.
"""

from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import shape_endpoints
from llmobserve.providers.openai_shape.sockets import shape_sockets

__all__ = ["PROVIDER"]

_PREFIX = r"/(?:openai(?:/v1|/deployments/(?P<deployment>[^/]+))?|models)"

PROVIDER = Provider(
    name="azure_openai",
    endpoints=shape_endpoints(_PREFIX),
    sockets=shape_sockets(_PREFIX, only=("realtime", "responses")),
    request_id_headers=("apim-request-id", "x-request-id"),
)
