"""Asks the application's own redactor about every text that is about to be recorded.

A redactor that fails costs the text it was asked about and whatever was said with it, never the call itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from llmobserve.context import Snapshot, suppress
from llmobserve.guard import guarded
from llmobserve.privacy import Origin, note, rules
from llmobserve.wire import CallEvent, ContentRecord, ErrorInfo

__all__ = ["REMOVED", "Sink", "asked_about", "asking"]

REMOVED = "[removed]"
"""In place of a text for which the redactor gave `None`."""
_LONGEST_TEXT = 256 * 1024
_ASK = guarded("redactor", quotes=False)

Sink = Callable[[CallEvent, ContentRecord | None, Snapshot], None]


def asking(sink: Sink) -> Sink:
    """A sink that has the redactor look at each call first."""

    def take(call: CallEvent, content: ContentRecord | None, snapshot: Snapshot) -> None:
        if call.error is not None and call.error.message is not None:
            origin = Origin("error", call.kind, call.provider, call.operation)
            call = replace(call, error=ErrorInfo(type=call.error.type, message=asked_about(call.error.message, origin)))
        sink(call, None if content is None else _looked_at(call, content), snapshot)

    return take


def asked_about(text: str, origin: Origin) -> str | None:
    """What the redactor makes of the text of an error; `None` when it wants it left out, or fails."""
    if rules().redactor is None:
        return text
    with _ASK, suppress():
        return _ask(text, origin)
    return None


def _looked_at(call: CallEvent, content: ContentRecord) -> ContentRecord | None:
    """The content as the redactor wants it; `None` when it fails."""
    with _ASK, suppress():
        given = Origin("input", call.kind, call.provider, call.operation)
        said = _walk(content.input, given)
        return replace(content, input=said, output=_walk(content.output, given._replace(part="output")))
    note("redactor_failed")
    return None


def _walk(value: Any, origin: Origin) -> Any:
    if isinstance(value, str):
        text = _ask(value, origin)
        return REMOVED if text is None else text
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {name: _walk(item, origin) for name, item in fields.items()}
    if isinstance(value, list):
        return [_walk(item, origin) for item in cast("list[Any]", value)]
    return value


def _ask(text: str, origin: Origin) -> str | None:
    redactor = rules().redactor
    answer: Any = text if redactor is None else redactor(text, origin)
    if answer is None:
        note("redactor")
        return None
    if not isinstance(answer, str):
        raise TypeError(f"a redactor gives a text or None, not {type(answer).__name__}")
    if answer != text:
        note("redactor")
        if len(answer) > max(len(text), _LONGEST_TEXT):
            raise ValueError("a redactor must not make texts longer than 256 KB")
    return answer
