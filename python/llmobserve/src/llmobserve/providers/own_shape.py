"""What the readers of APIs with a shape of their own have in common: request, model, errors, ends."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from llmobserve.providers.base import ProviderRequest, Reading
from llmobserve.providers.errors import error_in
from llmobserve.providers.progress import Progress
from llmobserve.providers.quantities import as_mapping

__all__ = ["OwnReader", "text_of"]


def text_of(value: Any) -> str | None:
    """`value` if it is a non-empty text."""
    return value if isinstance(value, str) and value else None


class OwnReader(Progress):
    """Base of such readers: subclasses take the answer in `take` and `take_event`, and give the facts in `fill`.

    The model is the one in the request's body, else the group `model` of the path.
    """

    input_keys: tuple[str, ...] = ()
    """Keys of the request that are its content."""

    def __init__(self, request: ProviderRequest, match: "re.Match[str]", *, want_content: bool) -> None:
        super().__init__()
        self.request = request
        self.asked = as_mapping(request.body)
        self.groups = match.groupdict()
        self.want_content = want_content
        self.model: str | None = None
        self.response_id: str | None = None
        self.error: tuple[str, str | None] | None = None
        self.headers: Mapping[str, str] = {}
        self.output_bytes: int = 0
        self.failed = False
        self.is_whole = False

    def read_body(self, body: Any, status: int, headers: Mapping[str, str]) -> None:
        """Take a whole answer."""
        self._terminal = self.is_whole = True
        self.headers = headers
        if status >= 400 or self.is_error(body):
            self.failed = True
            self.error = error_in(body, status)
        elif body is not None:
            self.take(body)

    def read_event(self, name: str | None, data: Any) -> None:
        """Take one event of a stream."""
        if data is None:
            self._terminal = True
            return
        event = as_mapping(data)
        if event.get("error"):
            self._terminal = True
            self.error = error_in(data, 200)
            return
        self.take_event(name, event)

    def is_error(self, body: Any) -> bool:
        """True for an error that came with a status of success."""
        return bool(as_mapping(body).get("error"))

    def take(self, body: Any) -> None:
        """Take the decoded body of a success."""

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event that is no error."""

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """Put usage, dimensions and content of an answer that did not fail into `out`."""

    def asked_model(self) -> str | None:
        """The model that the request names."""
        group = self.groups.get("model")
        return text_of(self.asked.get("model")) or (unquote(group) if group else None)

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = Reading(request_model=self.asked_model(), response_model=self.model, response_id=self.response_id)
        if self.error is not None:
            out.error_type, out.error_message = self.error
        if self.want_content:
            out.input = {key: self.asked[key] for key in self.input_keys if key in self.asked} or None
        if not self.failed:
            self.fill(out, ended_early=ended_early)
        return out
