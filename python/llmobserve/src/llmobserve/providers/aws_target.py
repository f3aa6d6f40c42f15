"""What the AWS services share: operation in the header `X-Amz-Target`, region in the host, form of their errors."""

import re
from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import ProviderRequest
from llmobserve.providers.call_reader import CallReader
from llmobserve.providers.quantities import as_mapping

__all__ = ["AwsCallReader", "aws_error_type", "aws_operation", "aws_region"]

_REGION = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.")


def aws_operation(request: ProviderRequest) -> str:
    """Name of the operation (`DetectLabels`); empty when the header is missing."""
    return request.headers.get("x-amz-target", "").rpartition(".")[2]


def aws_region(request: ProviderRequest) -> str | None:
    """Region in the host name (`eu-west-1`); `None` for other hosts."""
    found = _REGION.search(request.host)
    return found[1] if found else None


def aws_error_type(body: Any, headers: Mapping[str, str]) -> str | None:
    """Name of the error (`ThrottlingException`), without what stands around it; `None` when the answer names none.

    REST services put it in a header, the others in the body
    (https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization, read 2026-11-21).
    """
    stated = headers.get("x-amzn-errortype") or as_mapping(body).get("__type")
    if not isinstance(stated, str):
        return None
    return stated.partition(":")[0].rpartition("#")[2] or None


class AwsCallReader(CallReader):
    """Base of the readers of these services."""

    def error(self) -> tuple[str | None, str | None]:
        """Type and message of an error answer; the message's key may begin with a capital letter."""
        kind, message = super().error()
        capital = self.body.get("Message")
        return (
            aws_error_type(self.body, self.headers) or kind,
            message or (capital if isinstance(capital, str) else None),
        )
