"""Decodes the body of a request that is already in memory: JSON, or the text fields of a form."""

import json
import re
from typing import Any

from llmobserve.capture.decoders import Undecodable, open_decoder

__all__ = ["decode_request_body"]

_NAME = re.compile(rb'[;\s]name="([^"]*)"', re.IGNORECASE)
_BOUNDARY = re.compile(r'boundary="?([^";,]+)', re.IGNORECASE)
_LARGEST_FIELD = 64 * 1024


def decode_request_body(content: bytes | None, content_type: str, encoding: str | None = None) -> Any:
    """Decoded JSON, the text fields of a form as a dict, SSML as text; `None` for anything else or not in memory.

    `encoding` is the request's `Content-Encoding`.
    """
    if encoding and content:
        try:
            decoder = open_decoder(encoding)
        except Undecodable:
            return None
        content = decoder.decode(content) if decoder is not None else content
    if not content:
        return None
    if content_type.startswith("multipart/form-data"):
        return _form_fields(content, content_type)
    if content_type.startswith("application/x-www-form-urlencoded"):
        from urllib.parse import parse_qsl  # slow to import, and hardly any provider takes such forms

        return dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))
    if content_type.startswith("application/ssml+xml"):
        return content.decode("utf-8", "replace")
    if content[:1] not in b"{[ \n\r\t":
        return None
    try:
        return json.loads(content.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return None


def _form_fields(content: bytes, content_type: str) -> dict[str, str] | None:
    """Text fields by name; files are left out."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        return None
    fields: dict[str, str] = {}
    for part in content.split(b"--" + boundary[1].strip().encode("utf-8", "replace")):
        head, found, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not found or name is None or b"filename" in head.lower() or len(value) > _LARGEST_FIELD:
            continue
        fields[name[1].decode("utf-8", "replace")] = value.removesuffix(b"\r\n").decode("utf-8", "replace")
    return fields
