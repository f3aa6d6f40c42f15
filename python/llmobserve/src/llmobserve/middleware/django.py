"""Django: `"llmobserve.middleware.django.Middleware"` in MIDDLEWARE, below the one that knows the user.

The setting `LLMOBSERVE` may hold `customer`, `user`, `session` (functions of the request, or their dotted paths),
`excluded_paths` and `baggage`.
"""

import sys
from collections.abc import AsyncIterator
from typing import Any

from llmobserve.context import put
from llmobserve.guard import guarded, text_of
from llmobserve.middleware.options import Options
from llmobserve.middleware.request_run import RequestRun, begin
from llmobserve.middleware.streamed_body import RunBody, StreamedBody
from llmobserve.middleware.wsgi import CALLER
from llmobserve.settings import SettingError

__all__ = ["Middleware"]

_ANSWER, _FAILED = guarded("middleware.answer"), guarded("middleware.exception")
_SETTING = "LLMOBSERVE"
_NAMES = ("customer", "user", "session", "excluded_paths", "baggage")
_TAKEN = "_llmobserve"
_FAILURE = "_llmobserve_failure"
_SERVER_ERROR = 500


class Middleware:
    """Each request is a run, until Django closes the response. Works under WSGI and ASGI, with views of both kinds."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Any) -> None:
        """Raises SettingError where the setting `LLMOBSERVE` cannot be used."""
        self.get_response = get_response
        self._options = _options()
        # Before Python 3.12 only asgiref knows which objects are called as coroutine functions.
        asgiref: Any = sys.modules["asgiref.sync"]
        self._is_async: bool = asgiref.iscoroutinefunction(get_response)
        if self._is_async:
            asgiref.markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        """Handle one request."""
        if self._is_async:
            return self._handle_async(request)
        options = self._options
        if hasattr(request, _TAKEN) or options.excludes(request.path):
            return self.get_response(request)
        run = self._begin(request, options.labels(request) if options.askers else {})
        try:
            response = self.get_response(request)
        except BaseException as error:
            _end(run, error)
            raise
        _answered(run, request, response)
        return response

    async def _handle_async(self, request: Any) -> Any:
        options = self._options
        if hasattr(request, _TAKEN) or options.excludes(request.path):
            return await self.get_response(request)
        run = self._begin(request, await options.labels_async(request) if options.askers else {})
        try:
            response = await self.get_response(request)
        except BaseException as error:
            _end(run, error)
            raise
        _answered(run, request, response)
        return response

    def process_exception(self, request: Any, exception: Exception) -> None:
        """Note what a view raised: Django makes an answer of it before it comes here."""
        with _FAILED:  # the exception itself would keep the request, and the request it
            setattr(request, _FAILURE, (type(exception).__qualname__, text_of(exception)))

    def _begin(self, request: Any, labels: dict[str, str]) -> RequestRun | None:
        setattr(request, _TAKEN, True)
        return begin(
            self._options,
            request,
            method=request.method,
            caller=[(name, request.META[key]) for key, name in CALLER if key in request.META],
            route=lambda: _template_of(request),
            labels=labels,
        )


def _options() -> Options:
    settings: Any = sys.modules["django.conf"].settings
    given: Any = getattr(settings, _SETTING, None) or {}
    if not isinstance(given, dict):
        raise SettingError(f"llmobserve: the setting {_SETTING} has to be a dict with some of {', '.join(_NAMES)}.")
    values: dict[str, Any] = {**given}
    for name, value in values.items():
        if name not in _NAMES:
            raise SettingError(f"llmobserve: {_SETTING} has no {name!r}. There are: {', '.join(_NAMES)}.")
        if isinstance(value, str) and name != "excluded_paths":
            values[name] = _imported(name, value)
    return Options(**values)


def _imported(name: str, path: str) -> Any:
    from importlib import import_module

    module, _, attribute = path.rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingError(f"llmobserve: {_SETTING}[{name!r}] is {path!r}, which cannot be imported: {error}") from None


def _template_of(request: Any) -> str | None:
    """The route that was resolved, such as `/items/<int:id>/`; patterns of `re_path` as they are."""
    route = getattr(getattr(request, "resolver_match", None), "route", None)
    return route if route is None or route.startswith(("/", "^")) else f"/{route}"


def _end(run: RequestRun | None, error: BaseException | None) -> None:
    if run is not None:
        run.end(error)


def _answered(run: RequestRun | None, request: Any, response: Any) -> None:
    """End the run with a whole response, or have a streamed one end it."""
    if run is None:
        return
    failure: tuple[str, str] | None = None
    with _ANSWER:
        run.status = response.status_code
        if response.status_code >= _SERVER_ERROR:
            failure = getattr(request, _FAILURE, None)
        # The server sends a file itself, if it finds it as it was.
        if getattr(response, "streaming", False) and getattr(response, "file_to_stream", None) is None:
            is_async = response.is_async
            content = response.streaming_content
            # Setting it has Django close it together with the response.
            response.streaming_content = (_AsyncBody if is_async else _Body)(run, content)
            return
    run.end(failure)


class _Body(StreamedBody):
    """A synchronous streamed body, which Django closes together with the response."""

    __slots__ = ("_content",)

    def __init__(self, run: RequestRun, content: Any) -> None:
        super().__init__(run)
        self._content = content

    def take(self) -> bytes:
        """The next piece of the view's own body."""
        return next(self._content)


class _AsyncBody(RunBody):
    """The same of an asynchronous one."""

    __slots__ = ("_content",)

    def __init__(self, run: RequestRun, content: Any) -> None:
        super().__init__(run)
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        before = put(self._inside)
        self._is_midway = True
        try:
            return await anext(self._content)
        except StopAsyncIteration:
            self._is_midway = False
            raise
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._inside = put(before)
