"""Azure OpenAI and Foundry: OpenAI's shape below a deployment, whose name says nothing about the model; Claude.

Hosts and paths: https://learn.microsoft.com/azure/ai-services/openai/reference and the client anthropic 2.11 (Claude is
below `/anthropic`), read 2026-11-21. The model that is
priced is the one the answer names; the deployment goes into the dimensions.
"""

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import shape_endpoints
from llmobserve.providers.openai_shape.sockets import shape_sockets

__all__ = ["PROVIDER"]

_OWN = r"(?:/api/projects/[^/]+)?"
_PREFIX = _OWN + r"(?:/openai(?:/v1|/deployments/(?P<deployment>[^/]+)(?:/extensions)?)?|/models|/v1)?"

PROVIDER = Provider(
    name="azure_openai",
    endpoints=(*shape_endpoints(_PREFIX), messages_endpoint(_OWN + r"/anthropic(?:/v1)?")),
    sockets=shape_sockets(_PREFIX, only=("realtime", "responses")),
    request_id_headers=("apim-request-id", "x-request-id"),
)
