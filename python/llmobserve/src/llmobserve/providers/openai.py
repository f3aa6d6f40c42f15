"""OpenAI, and every host that the user declares to speak its API."""

from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import shape_endpoints
from llmobserve.providers.openai_shape.sockets import shape_sockets

__all__ = ["PROVIDER"]

# A declared host may serve the API below any base path, so every leading segment is let through; `chat` is none, or
# chat completions would pass for legacy completions.
_PREFIX = r"(?:/(?!chat/|organization/)[^/]+)*"
_DOMAIN = ".api.openai.com"


def _region_of(host: str) -> dict[str, str]:
    """`us` of `us.api.openai.com`: such hosts keep data in one region, which costs more for newer models."""
    name = host.partition(":")[0]
    return {"region": name.removesuffix(_DOMAIN)} if name.endswith(_DOMAIN) else {}


PROVIDER = Provider(
    name="openai",
    endpoints=shape_endpoints(_PREFIX),
    sockets=shape_sockets(_PREFIX),
    request_id_headers=("x-request-id",),
    dimensions_of_host=_region_of,
)
