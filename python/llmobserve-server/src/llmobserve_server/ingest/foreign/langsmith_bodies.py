"""Requests of LangSmith's client as runs: forms of many parts, batches, and single runs."""

from collections.abc import Mapping
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from llmobserve_server.errors import BadRequest
from llmobserve_server.ingest.foreign.halves import Halves
from llmobserve_server.ingest.foreign.parts import json_of, object_of, objects_of
from llmobserve_server.ingest.otlp.unreadable import MAX_RECORDS, refuse_count

__all__ = ["batch_entries", "multipart_entries"]

_RUN = "langsmith run"
_MAX_PARTS = 8 * MAX_RECORDS
_OPERATIONS = frozenset({"post", "patch"})


def multipart_entries(body: bytes, content_type: str, halves: Halves, project_id: str) -> list[dict[str, Any]]:
    """Runs and feedback of a form, each run with what was said of it before.

    Its parts are called `post.<id>`, `patch.<id>`, the same with `.inputs`, `.outputs` and the like behind, and
    `feedback.<id>`. Attachments are not kept. Raises BadRequest, PayloadTooLarge.
    """
    runs: dict[str, dict[str, Any]] = {}
    feedback: list[dict[str, Any]] = []
    for name, value in _parts(body, content_type):
        operation, _, rest = name.partition(".")
        if operation == "feedback":
            feedback.append({**object_of(json_of(value)), "is": "feedback"})
        elif operation in _OPERATIONS:
            own_id, _, field = rest.partition(".")
            run = runs.setdefault(own_id, {"id": own_id})
            run.update({field: json_of(value)} if field else object_of(json_of(value)))
    return [halves.with_earlier(project_id, _RUN, own_id, run) for own_id, run in runs.items()] + feedback


def batch_entries(body: Any, halves: Halves, project_id: str) -> list[dict[str, Any]]:
    """Runs of a batch (`post` and `patch`, lists both). Raises BadRequest, PayloadTooLarge."""
    said = object_of(body)
    runs: dict[str, dict[str, Any]] = {}
    for operation in ("post", "patch"):
        for run in objects_of(said.get(operation) or [], f"`{operation}`"):
            known: Mapping[str, Any] = runs.get(str(run.get("id")), {})
            runs[str(run.get("id"))] = {**known, **{name: value for name, value in run.items() if value is not None}}
    return [halves.with_earlier(project_id, _RUN, own_id, run) for own_id, run in runs.items()]


def _parts(body: bytes, content_type: str) -> list[tuple[str, bytes]]:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise BadRequest("Runs are taken as `multipart/form-data` here.")
    collected = _Collected()
    try:
        parser = MultipartParser(boundary, collected.callbacks())  # pyright: ignore[reportArgumentType]
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise BadRequest(f"The form cannot be read: {error}") from error
    if not collected.complete:
        raise BadRequest("The form ends too early.")
    return collected.parts


class _Collected:
    """Name and content of each part."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, bytes]] = []
        self.complete = False
        self._header = self._value = b""
        self._name = ""
        self._data: list[bytes] = []

    def callbacks(self) -> dict[str, Any]:
        """For the parser."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._field,
            "on_header_value": self._said,
            "on_header_end": self._header_end,
            "on_part_data": self._take,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._header = self._value = b""
        self._name = ""
        self._data = []

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _said(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._header = self._value = b""

    def _take(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def _end(self) -> None:
        if len(self.parts) >= _MAX_PARTS:
            refuse_count()
        self.parts.append((self._name, b"".join(self._data)))

    def _finish(self) -> None:
        self.complete = True
