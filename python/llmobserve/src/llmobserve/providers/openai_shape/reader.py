"""What the readers of all OpenAI-shaped endpoints share: errors, model, id, service tier."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from llmobserve.providers.base import ProviderRequest, Reading
from llmobserve.providers.errors import error_in
from llmobserve.providers.openai_shape.usage import token_usage
from llmobserve.providers.progress import Progress
from llmobserve.providers.quantities import as_mapping
from llmobserve.wire import Usage

__all__ = ["ShapeReader", "text_or_none"]


def text_or_none(value: Any) -> str | None:
    """`value` if it is a non-empty string."""
    return value if isinstance(value, str) and value else None


class ShapeReader(Progress):
    """Base of the readers: holds the request and the identifying facts of the answer."""

    def __init__(self, request: ProviderRequest, match: "re.Match[str]", *, want_content: bool) -> None:
        super().__init__()
        self.request = request
        self.asked = as_mapping(request.body)
        self.match = match
        self.want_content = want_content
        self.model: str | None = None
        self.response_id: str | None = None
        self.tier: str | None = None
        self.usage_raw: Any = None
        self.error_type: str | None = None
        self.error_message: str | None = None
        self.failed = False

    def read_body(self, body: Any, status: int, headers: Mapping[str, str]) -> None:
        """Take a whole answer; errors are read here, the rest by `take`."""
        self._terminal = True
        fields = as_mapping(body)
        # Azure answers a filtered prompt with status 200 and an error object.
        if status >= 400 or (fields.get("error") and "object" not in fields and "usage" not in fields):
            self.failed = True
            self.error_type, self.error_message = error_in(body, status)
        elif fields:
            self.take(fields)

    def read_event(self, name: str | None, data: Any) -> None:
        """Take one event of a stream."""
        if data is None:
            self._terminal = True
            return
        event = as_mapping(data)
        if event.get("error") and "choices" not in event and event.get("object") is None:
            self.take_error(event["error"])
            return
        self.take_event(name, event)

    def take(self, body: Mapping[str, Any]) -> None:
        """Take the object of a successful answer."""
        self.take_identity(body)

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event that is no error."""
        self.take_identity(event)

    def take_identity(self, source: Mapping[str, Any]) -> None:
        """Keep model, id, tier and usage, whichever are there."""
        self.model = text_or_none(source.get("model")) or self.model
        self.response_id = text_or_none(source.get("id")) or self.response_id
        self.tier = text_or_none(source.get("service_tier")) or self.tier
        usage = source.get("usage")
        if usage is not None:
            self.usage_raw = usage

    def take_error(self, error: Any) -> None:
        """Keep type and message of the provider's error object (or plain text)."""
        if error is None:
            return
        fields = as_mapping(error)
        self.error_type = (
            text_or_none(fields.get("type")) or text_or_none(fields.get("code")) or self.error_type or "provider_error"
        )
        self.error_message = text_or_none(fields.get("message")) or text_or_none(error) or self.error_message

    def stated_usage(self, *, text_output: bool = True) -> Usage | None:
        """Usage as the usage object states it, `None` without one. Providers that count otherwise replace this."""
        return token_usage(self.usage_raw, text_output=text_output)

    def reported_cost(self) -> Decimal | None:
        """What the provider says the call cost, in US dollars; `None` where it says nothing."""
        return None

    def base_reading(self) -> Reading:
        """A reading with the identifying facts and no usage."""
        dimensions: dict[str, str] = {}
        if self.tier is not None:
            dimensions["service_tier"] = self.tier
        deployment = self.match.groupdict().get("deployment")
        if deployment:
            dimensions["deployment"] = deployment
        return Reading(
            request_model=text_or_none(self.asked.get("model")) or deployment,
            response_model=self.model,
            response_id=self.response_id,
            dimensions=dimensions,
            reported_cost_usd=None if self.failed else self.reported_cost(),
            error_type=self.error_type,
            error_message=self.error_message,
        )
