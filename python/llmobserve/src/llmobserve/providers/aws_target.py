"""What the AWS services share that name their operation in the header `X-Amz-Target` and their region in the host."""

import re

from llmobserve.providers.base import ProviderRequest

__all__ = ["aws_operation", "aws_region"]

_REGION = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.")


def aws_operation(request: ProviderRequest) -> str:
    """Name of the operation (`DetectLabels`); empty when the header is missing."""
    return request.headers.get("x-amz-target", "").rpartition(".")[2]


def aws_region(request: ProviderRequest) -> str | None:
    """Region in the host name (`eu-west-1`); `None` for other hosts."""
    found = _REGION.search(request.host)
    return found[1] if found else None
