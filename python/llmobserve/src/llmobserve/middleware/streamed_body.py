"""A body that is made after the request was handled: its pieces, and its end, are in the context of the request."""

from abc import ABC, abstractmethod

from llmobserve.context import put
from llmobserve.middleware.request_run import RequestRun

__all__ = ["RunBody", "StreamedBody"]


class RunBody:
    """Ends the run of its request, once."""

    __slots__ = ("_error", "_inside", "_is_midway", "_is_open", "_run")

    def __init__(self, run: RequestRun) -> None:
        self._run = run
        self._inside = run.step_out()
        self._error: BaseException | None = None
        self._is_midway = False
        """Begun and not at its end: who closes it then has lost the client."""
        self._is_open = True

    def close(self) -> None:
        """End the run, as failed where a piece has failed, as cancelled where pieces were left."""
        if self._is_open:
            self._is_open = False
            gone = GeneratorExit() if self._is_midway else None
            self._run.end(self._error or gone, self._inside)
            self._error = None


class StreamedBody(RunBody, ABC):
    """A synchronous one."""

    __slots__ = ()

    @abstractmethod
    def take(self) -> bytes:
        """The next piece of the application's own body; StopIteration at its end."""

    def __iter__(self) -> "StreamedBody":
        return self

    def __next__(self) -> bytes:
        before = put(self._inside)
        self._is_midway = True
        try:
            return self.take()
        except StopIteration:
            self._is_midway = False
            raise
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._inside = put(before)
