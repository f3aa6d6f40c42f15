"""Google's Live API: a turn of the model, or what it says before it calls a tool, is one charge.

`usageMetadata` comes with the message that ends the turn or in one of its own beside it; the prompt counts the whole
session again in every turn (https://ai.google.dev/api/live, read 2026-11-21).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from llmobserve.providers.base import Reading
from llmobserve.providers.google_shape.usage import live_usage
from llmobserve.providers.message_reader import MessageReader, now_ns
from llmobserve.providers.own_shape import text_of
from llmobserve.providers.quantities import as_mapping, with_units
from llmobserve.providers.sockets import Charge, SessionEnd
from llmobserve.wire import Quantity, Usage

__all__ = ["LiveReader"]

_CONTENT = re.compile(rb'"(?:modelTurn|outputTranscription)"')


class LiveReader(MessageReader):
    """Reads a Live session. Audio and text come as JSON, mostly in binary messages."""

    wanted = re.compile(
        rb'"(?:usageMetadata|turnComplete|generationComplete|interrupted|toolCall|setupComplete|groundingMetadata)"'
    )
    wanted_sent = re.compile(rb'"(?:setup|clientContent|client_content|toolResponse|tool_response|activityEnd)"')

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._model: str | None = None
        self._session_id: str | None = None
        self._turns = 0
        self._asked: tuple[int, Any] | None = None
        self._first_content_ns: int | None = None
        self._usage_raw: Mapping[str, Any] | None = None
        self._is_over = False
        self._is_interrupted = False
        self._queries: set[str] = set()

    def look(self, text: bytes) -> None:
        """Note the first content of a turn."""
        if self._first_content_ns is None or self._is_over:
            if _CONTENT.search(text) is None:
                return
            self._is_over = False
            self._first_content_ns = self._first_content_ns or now_ns()

    def take_sent(self, message: Mapping[str, Any], place: Callable[[], Any]) -> None:
        """Note the model, and when and where a turn was asked for."""
        if "setup" in message:
            self._model = text_of(as_mapping(message["setup"]).get("model"))
            return
        self._asked = (now_ns(), place())

    def take(self, message: Mapping[str, Any]) -> None:
        """Take usage and ends of turns."""
        content = as_mapping(message.get("serverContent"))
        self._session_id = text_of(as_mapping(message.get("setupComplete")).get("sessionId")) or self._session_id
        queries = as_mapping(content.get("groundingMetadata")).get("webSearchQueries")
        if isinstance(queries, list):
            self._queries.update(query for query in cast("list[Any]", queries) if isinstance(query, str) and query)
        if isinstance(message.get("usageMetadata"), dict):
            self._usage_raw = as_mapping(message["usageMetadata"])
        self._is_interrupted = self._is_interrupted or content.get("interrupted") is True
        if content.get("turnComplete") is True or content.get("interrupted") is True or "toolCall" in message:
            self._is_over = True
        if self._is_over and self._usage_raw is not None:
            self._charge(complete=True)

    def finish(self, end: SessionEnd) -> None:
        """Hand over the turn that was under way."""
        if self._usage_raw is not None or (self._first_content_ns is not None and not self._is_over):
            self._charge(complete=False)

    def blank(self) -> Reading:
        """The model of the setup."""
        return Reading(request_model=self._model)

    def _charge(self, *, complete: bool) -> None:
        self._turns += 1
        reading = self.blank()
        if self._session_id is not None:
            # No id of the charge: a session that is resumed may count its turns anew.
            reading.response_id = f"{self._session_id}/{self._turns}"
        usage = live_usage(self._usage_raw, tools_billed=not self._queries) or Usage()
        counts: dict[str, Quantity] = {}
        if self._queries:
            counts = {"grounded_prompts": 1, "web_search_calls": len(self._queries)}
        reading.usage = with_units(usage, counts, *(() if complete else ("partial",)))
        tier = text_of((self._usage_raw or {}).get("serviceTier"))
        if tier is not None:
            reading.dimensions["service_tier"] = tier.lower()
        asked_ns, place = self._asked or (self._first_content_ns or now_ns(), None)
        self.hand_over(
            Charge(
                reading=reading,
                start_ns=asked_ns,
                first_content_ns=self._first_content_ns,
                complete=complete,
                cancelled=complete and self._is_interrupted,
                place=place,
            )
        )
        self._asked = self._first_content_ns = self._usage_raw = None
        self._is_interrupted = False
        self._queries = set()
