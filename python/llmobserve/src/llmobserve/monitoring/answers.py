"""What a model said, in the answers of providers: of their clients, and as dictionaries of the same shape.

The shapes are those of openai 3.52, anthropic 2.11 and google-genai 3.4 (November 2026) and of what is compatible with
them. Arguments of tools and summaries of reasoning are not what the model said.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

__all__ = ["Part", "fields_of", "parts_of"]

Fields = Mapping[Any, Any]

_MOST = 1100
"""Parts that are looked for: more than a reader takes."""


class Part(NamedTuple):
    """A piece of an answer."""

    value: str | bytes
    media_type: str | None
    """Of media `image/png`, `audio/mpeg`, or a short form: `png`, `image`. `None`: the value is text."""
    goes_on: bool = False
    """A piece of a streamed text, which the next one continues."""


def parts_of(fields: Fields) -> list[Part] | None:
    """The parts of an answer, or of an event of a streamed one; `None` where the fields are of neither."""
    for is_such, parts in _SHAPES:
        if is_such(fields):
            found: list[Part] = []
            for part in parts(fields):
                found.append(part)
                if len(found) > _MOST:
                    break
            return found
    return None


def _items(value: Any) -> Iterator[Fields]:
    """The members of a list that have fields."""
    if isinstance(value, (list, tuple)):
        for item in cast("list[Any]", value):
            fields = fields_of(item)
            if fields:
                yield fields


def fields_of(value: Any) -> Fields:
    """Fields of a mapping, of a dataclass or of a model of pydantic; nothing of all else."""
    kind = cast("type[Any]", type(value))
    if value is None or kind is str:
        return {}
    if kind is dict:
        return value
    if hasattr(kind, "__pydantic_fields__"):
        return cast("Fields", vars(value))
    if isinstance(value, Mapping):
        return cast("Fields", value)
    if hasattr(kind, "__dataclass_fields__"):
        return {name: getattr(value, name, None) for name in kind.__dataclass_fields__}
    return {}


def _text(value: Any, *, goes_on: bool = False) -> Iterator[Part]:
    if isinstance(value, str) and value:
        yield Part(value, None, goes_on)


def _media(value: Any, media_type: Any, fallback: str) -> Iterator[Part]:
    if isinstance(value, (str, bytes)) and value:
        yield Part(value, media_type if isinstance(media_type, str) and media_type else fallback)


def _of_chat(fields: Fields) -> Iterator[Part]:
    """Chat completions and their chunks; `text` of the older completions."""
    for choice in _items(fields["choices"]):
        yield from _text(choice.get("text"))
        piece = fields_of(choice.get("delta"))
        yield from _text(piece.get("content"), goes_on=True)
        yield from _text(piece.get("refusal"), goes_on=True)
        yield from _text(fields_of(piece.get("audio")).get("transcript"), goes_on=True)
        for image in _items(piece.get("images")):
            yield from _of_block(image)
        yield from _of_message(fields_of(choice.get("message")))


def _of_message(message: Fields) -> Iterator[Part]:
    content = message.get("content")
    yield from _text(content)
    for block in _items(content):
        yield from _of_block(block)
    yield from _text(message.get("refusal"))
    audio = fields_of(message.get("audio"))
    yield from _text(audio.get("transcript"))
    yield from _media(audio.get("data"), audio.get("format"), "audio")
    for image in _items(message.get("images")):  # OpenRouter
        yield from _of_block(image)


def _of_block(block: Fields) -> Iterator[Part]:
    """One block of a message: text, or an image or sound in one of the forms that providers have for them."""
    kind = block.get("type")
    if kind in {"text", "output_text", "input_text"}:
        yield from _text(block.get("text"))
    elif kind == "refusal":
        yield from _text(block.get("refusal"))
    elif kind == "image_generation_call":
        yield from _media(block.get("result"), block.get("output_format"), "image")
    elif kind in {"image", "image_url", "input_image"}:
        source = fields_of(block.get("source")) or fields_of(block.get("image_url"))
        address = source.get("data") or source.get("url") or block.get("image_url")
        yield from _media(address, source.get("media_type"), "image")
    elif kind in {"input_audio", "audio", "output_audio"}:
        audio = fields_of(block.get("input_audio")) or block
        yield from _text(audio.get("transcript"))
        yield from _media(audio.get("data"), audio.get("format"), "audio")
    elif kind == "message":
        yield from _of_message(block)


def _of_response(fields: Fields) -> Iterator[Part]:
    for item in _items(fields["output"]):
        yield from _of_block(item)


def _of_images(fields: Fields) -> Iterator[Part]:
    for image in _items(fields["data"]):
        media = image.get("b64_json") or image.get("url")
        yield from _media(media, fields.get("output_format"), "image")


def _of_candidates(fields: Fields) -> Iterator[Part]:
    for candidate in _items(fields["candidates"]):
        for part in _items(fields_of(candidate.get("content")).get("parts")):
            if part.get("thought"):
                continue
            yield from _text(part.get("text"))
            blob = fields_of(part.get("inline_data")) or fields_of(part.get("inlineData"))
            yield from _media(blob.get("data"), blob.get("mime_type") or blob.get("mimeType"), "data")


def _of_event(fields: Fields) -> Iterator[Part]:
    """Streams say everything twice, in pieces and at the end: text is taken from the pieces, images from the end."""
    kind = fields["type"]
    if kind in {"response.output_text.delta", "response.refusal.delta"}:
        yield from _text(fields.get("delta"), goes_on=True)
    elif kind == "response.completed":
        ended = fields_of(fields.get("response"))
        yield from (part for part in _of_response({"output": ended.get("output")}) if part.media_type is not None)
    elif kind == "content_block_delta":
        yield from _text(fields_of(fields.get("delta")).get("text"), goes_on=True)
    elif kind in {"image_generation.completed", "image_edit.completed"}:
        yield from _media(fields.get("b64_json"), fields.get("output_format"), "image")
    elif kind == "transcript.text.delta":
        yield from _text(fields.get("delta"), goes_on=True)


_EVENTS = frozenset(
    {
        *("message_start", "message_delta", "message_stop", "ping"),
        *("content_block_start", "content_block_delta", "content_block_stop"),
    }
)
_GROUPS = ("response.", "image_generation.", "image_edit.", "transcript.", "speech.")
_HELPERS = frozenset({"text", "thinking", "input_json", "citation", "signature"})
"""Events that the client of Anthropic makes out of those that it received."""
_BLOCKS = {
    "text": "text",
    "output_text": "text",
    "image": "source",
    "image_url": "image_url",
    "input_image": "image_url",
    "input_audio": "input_audio",
    "output_audio": "data",
    "image_generation_call": "result",
}
"""Blocks that may stand alone, and the field that makes sure that it is one."""
_BESIDE_TRANSCRIPT = ("segments", "words", "logprobs", "languages", "language")


def _is_event(fields: Fields) -> bool:
    kind = fields.get("type")
    if not isinstance(kind, str):
        return False
    if kind in _EVENTS or kind.startswith(_GROUPS):
        return True
    return kind in _HELPERS and "snapshot" in fields


def _is_block(fields: Fields) -> bool:
    kind = fields.get("type")
    return isinstance(kind, str) and _BLOCKS.get(kind) in fields


def _is_list(name: str) -> Callable[[Fields], bool]:
    return lambda fields: isinstance(fields.get(name), (list, tuple))


def _is_data(fields: Fields) -> bool:
    """Lists of images, of embeddings (in which nothing is said), of models."""
    return _is_list("data")(fields) and ("created" in fields or fields.get("object") == "list")


def _is_transcript(fields: Fields) -> bool:
    return isinstance(fields.get("text"), str) and any(name in fields for name in _BESIDE_TRANSCRIPT)


def _is_message(fields: Fields) -> bool:
    """With a role, or as LangChain has them."""
    is_named = isinstance(fields.get("role"), str) or "response_metadata" in fields
    return is_named and isinstance(fields.get("content"), (str, list, tuple))


_SHAPES: tuple[tuple[Callable[[Fields], bool], Callable[[Fields], Iterator[Part]]], ...] = (
    (_is_event, _of_event),
    (_is_list("choices"), _of_chat),
    (_is_list("candidates"), _of_candidates),
    (lambda fields: _is_list("output")(fields) and fields.get("object") == "response", _of_response),
    (_is_message, _of_message),
    (_is_data, _of_images),
    (_is_transcript, lambda fields: _text(fields["text"])),
    (_is_block, _of_block),
)
"""What is looked for, the plainest signs first."""
