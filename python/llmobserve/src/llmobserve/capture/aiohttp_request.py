"""Reads a request of aiohttp from the arguments of the call, without consuming what only sending may consume."""

from collections.abc import Mapping
from typing import Any, cast

from llmobserve.capture.headers import HeaderView
from llmobserve.capture.request_body import decode_request_body
from llmobserve.guard import guarded

__all__ = ["AiohttpRequest"]

_SERIALISE = guarded("capture.request_body")


class AiohttpRequest:
    """The arguments of one `ClientSession._request`, as a `SentRequest`."""

    __slots__ = ("_content", "_fields", "_is_read", "_options", "_session", "_url")

    def __init__(self, session: Any, url: Any, options: Mapping[str, Any]) -> None:
        self._session = session
        self._url = url
        self._options = options
        self._is_read = False
        self._content: bytes | None = None
        self._fields: dict[str, str] | None = None

    def headers(self) -> HeaderView:
        """The headers of session and call, with the length of a body that is in memory."""
        pairs: list[tuple[Any, Any]] = [*self._session.headers.items()]
        given = self._options.get("headers")
        if isinstance(given, (list, tuple)):
            pairs += given
        elif isinstance(given, Mapping):
            pairs += cast("Mapping[Any, Any]", given).items()
        content = self.content()
        if content is not None:
            pairs.append(("content-length", str(len(content))))
        return HeaderView([(str(k).encode("latin-1", "replace"), str(v).encode("utf-8", "replace")) for k, v in pairs])

    def query(self) -> str:
        """The query of the URL and of `params`."""
        params = self._options.get("params")
        url = self._url.update_query(params) if params else self._url
        query: str = url.raw_query_string
        return query

    def content(self) -> bytes | None:
        """The body as of the call: the application may change its objects before the answer has come."""
        if not self._is_read:
            self._is_read = True
            self._read()
        return self._content

    def body(self, content_type: str) -> Any:
        """The decoded body: JSON, or the text fields of a form."""
        content = self.content()
        if self._fields is not None:
            return self._fields or None
        return decode_request_body(content, content_type)

    def _read(self) -> None:
        given = self._options.get("json")
        if given is not None:
            # What cannot be serialised is the application's error, and aiohttp is about to raise it.
            with _SERIALISE:
                to_bytes = getattr(self._session, "_json_serialize_bytes", None)
                self._content = _in_memory((to_bytes or self._session.json_serialize)(given))
            return
        data = self._options.get("data")
        self._content = _in_memory(data)
        if self._content is None and data is not None:
            found = _form(data)
            if found is not None:
                self._fields, has_files = found
                if not has_files:
                    from urllib.parse import urlencode  # slow to import, and few providers take forms

                    self._content = urlencode(self._fields).encode()


def _in_memory(data: Any) -> bytes | None:
    """The bytes of text, of bytes and of payloads that hold bytes; `None` for files and generators."""
    held: Any = getattr(data, "_value", data)
    if isinstance(held, str):
        return held.encode("utf-8", "replace")
    if isinstance(held, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", held))
    return None


def _form(data: Any) -> tuple[dict[str, str], bool] | None:
    """Text fields of a form, and whether it has others; `None` when it is no form."""
    of_form: Any = getattr(data, "_fields", None)
    pairs: list[tuple[Any, Any]]
    if isinstance(of_form, list):  # a FormData, whose files have a name
        fields = cast("list[tuple[Mapping[str, str], Any, Any]]", of_form)
        pairs = [(options.get("name"), None if "filename" in options else value) for options, _, value in fields]
    elif isinstance(data, Mapping):
        pairs = list(cast("Mapping[Any, Any]", data).items())
    elif isinstance(data, (list, tuple)):
        pairs = list(cast("list[tuple[Any, Any]]", data))
    else:
        return None
    text = {str(name): value for name, value in pairs if isinstance(value, str)}
    return text, len(text) < len(pairs)
