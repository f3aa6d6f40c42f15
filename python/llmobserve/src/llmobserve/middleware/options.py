"""What an application says about its requests: whom they are for, which are left out, whose baggage is believed."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from inspect import isawaitable
from typing import Any, cast

from llmobserve.guard import guarded, text_of
from llmobserve.settings import SettingError

__all__ = ["Ask", "Options"]

Ask = Callable[[Any], Any]
"""Gets what the framework has of a request (ASGI scope, WSGI environ, Django's or Flask's request)."""

_LABEL, _BAGGAGE, _ROUTE = guarded("middleware.label"), guarded("middleware.baggage"), guarded("middleware.route")


class Options:
    """The options that all middlewares have, checked when the application starts."""

    __slots__ = ("_exact", "_own_caller", "_prefixes", "_route", "askers")

    def __init__(
        self,
        *,
        customer: Ask | None = None,
        user: Ask | None = None,
        session: Ask | None = None,
        route: Ask | None = None,
        excluded_paths: Iterable[str] = (),
        baggage: bool | Ask = False,
    ) -> None:
        """`customer`, `user` and `session` tell an id, or `None` where there is none; they may be coroutines in ASGI.

        `route` tells the template of the route, where the framework is not known here. `excluded_paths` are paths as
        they are requested; one that ends with `*` stands for all that begin so. `baggage`: whether the caller is a
        service of your own, whose run, customer, user and session are taken over; or what tells it of a request.

        Raises:
            SettingError: an option cannot be used.
        """
        asked = {"customer": customer, "user": user, "session": session}
        for name, function in {**asked, "route": route}.items():
            if function is not None and not callable(function):
                raise SettingError(f"llmobserve: {name} cannot be {function!r}: give a function of the request.")
        if not isinstance(baggage, bool) and not callable(baggage):
            raise SettingError(f"llmobserve: baggage cannot be {baggage!r}: give true, false or a function.")
        paths = [excluded_paths] if isinstance(excluded_paths, str) else list(excluded_paths)
        for path in cast("list[Any]", paths):
            if not isinstance(path, str) or not path.startswith("/"):
                raise SettingError(f"llmobserve: excluded_paths cannot have {path!r}: give paths such as '/health'.")
        self.askers = tuple((f"{name}_id", function) for name, function in asked.items() if function is not None)
        self._route = route
        self._own_caller = baggage
        self._exact = frozenset(path for path in paths if not path.endswith("*"))
        self._prefixes = tuple(path[:-1] for path in paths if path.endswith("*"))

    def excludes(self, path: str) -> bool:
        """True for a request that is no run, such as a health check."""
        return path in self._exact or (bool(self._prefixes) and path.startswith(self._prefixes))

    def labels(self, request: Any) -> dict[str, str]:
        """Whom the request is for. What cannot be told, or is a coroutine, is left out, and counted."""
        found: dict[str, str] = {}
        for name, ask in self.askers:
            with _LABEL:
                value = ask(request)
                if value is None:
                    continue
                if type(value) is not str and isawaitable(value):
                    _close(value)
                    raise TypeError(f"{name}: a coroutine function cannot be used here")
                found[name] = text_of(value)
        return found

    async def labels_async(self, request: Any) -> dict[str, str]:
        """The same where coroutines can be waited for."""
        found: dict[str, str] = {}
        for name, ask in self.askers:
            with _LABEL:
                value = ask(request)
                if type(value) is not str and isawaitable(value):
                    value = await value
                if value is not None:
                    found[name] = text_of(value)
        return found

    def route(self, request: Any) -> str | None:
        """The template that the application's own `route` tells."""
        if self._route is not None:
            with _ROUTE:
                template = self._route(request)
                return None if template is None else text_of(template)
        return None

    def believed(self, request: Any, baggage: Mapping[str, str]) -> Mapping[str, str]:
        """The facts of the caller that hold here: all of them, or none."""
        if not baggage or self._own_caller is False:
            return {}
        if self._own_caller is True:
            return baggage
        with _BAGGAGE:
            return baggage if self._own_caller(request) is True else {}
        return {}


def _close(value: Awaitable[Any]) -> None:
    close = getattr(value, "close", None)  # else Python warns that it was never awaited
    if close is not None:
        close()
