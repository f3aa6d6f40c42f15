"""Headers of either direction, decoded only where somebody asks; credentials are never given out."""

from collections.abc import Iterator, Mapping, Sequence

__all__ = ["HeaderView"]

_CREDENTIALS = frozenset(
    {b"authorization", b"api-key", b"x-api-key", b"x-goog-api-key", b"cookie", b"set-cookie", b"proxy-authorization"}
)


class HeaderView(Mapping[str, str]):
    """A mapping over raw headers. Names are in lower case; of repeated headers the last one counts."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        self._raw = {name.lower(): value for name, value in raw}

    def __getitem__(self, name: str) -> str:
        key = name.encode("latin-1", "replace")
        if key in _CREDENTIALS:
            raise KeyError(name)
        return self._raw[key].decode("latin-1")

    def get(self, name: str, default: str | None = None) -> str | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The value, or `default`: without the exception that makes the inherited method slow."""
        key = name.encode("latin-1", "replace")
        value = self._raw.get(key)
        return default if value is None or key in _CREDENTIALS else value.decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._raw if name not in _CREDENTIALS)

    def __len__(self) -> int:
        return sum(name not in _CREDENTIALS for name in self._raw)
