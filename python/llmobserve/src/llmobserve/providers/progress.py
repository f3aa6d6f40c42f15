"""How far the reader of one exchange has come."""

__all__ = ["Progress"]


class Progress:
    """Base of the readers: what was seen of the answer. A subclass sets `_terminal` and `_has_content` as it reads."""

    def __init__(self) -> None:
        self._terminal = False
        self._has_content = False

    @property
    def terminal(self) -> bool:
        """True once the payload said that the answer is complete."""
        return self._terminal

    @property
    def has_content(self) -> bool:
        """True once a stream event carried content."""
        return self._has_content
