"""Which fields of a provider's protobuf messages its reader wants: what is named nowhere is never looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias, Union

__all__ = ["Fields", "MessageFields", "Take"]


class Take(Enum):
    """What is taken of a field that is no message, or of one whose content says nothing about usage."""

    VALUE = "value"
    """The value: enumerations by name, bytes by their number, repeated ones as a list, maps of values as a dict."""
    COUNT = "count"
    """The number of items of a repeated field, so that vectors and media stay where they are."""


Fields: TypeAlias = Mapping[str, Union[Take, "Fields"]]
"""By name of the field. A mapping in place of a `Take` names the fields of that message, of each message of a repeated
field, or of each value of a map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFields:
    """What the reader of a gRPC method gets to see, as plain JSON-like values under the names of the schema.

    Made once for each method, not for each call. A field that is absent is left out; so is one that the application's
    version of the schema does not know.
    """

    request: Fields = field(default_factory=dict[str, "Take | Fields"])
    """Of the request. The body of a request that is a stream is `None`."""
    answer: Fields = field(default_factory=dict[str, "Take | Fields"])
    """Of the answer, or of each message of a stream."""
