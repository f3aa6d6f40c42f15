"""The template of the route that a request of Starlette or FastAPI has taken, such as `/items/{id}`.

Routing leaves the route in the scope. Where that is not all of it (an application mounted below another), or where
another middleware has routed a copy of the scope, the table of routes is asked, as routing does (Starlette 1.10,
FastAPI 0.165, both read in November 2026).
"""

import sys
from collections.abc import Iterable, Mapping
from typing import Any, cast

__all__ = ["template_of"]

_PARTIAL, _FULL = 1, 2
"""Values of Starlette's `Match`: a route of that path, but of another method; the route."""
_DEEPEST = 20
"""Applications mounted in each other."""


def template_of(scope: Mapping[str, Any], app: Any, root_path: str) -> str | None:
    """The template; `None` where no route is found. `app` and `root_path` are those of the scope before routing."""
    if scope.get("root_path", "") == root_path:
        found = _left_in(scope)
        if found is not None:
            return found
    routes: Any = getattr(app, "routes", None)
    if not isinstance(routes, Iterable):
        return None
    probe: dict[str, Any] = {
        "type": "http",
        "method": scope["method"],
        "path": scope["path"],
        "root_path": root_path,
        "headers": scope.get("headers", []),
        "path_params": {},
    }
    return _among(cast("Iterable[Any]", routes), probe, _DEEPEST)


def _left_in(scope: Mapping[str, Any]) -> str | None:
    """The template of the route that routing has left in the scope."""
    route = scope.get("route")
    if route is None:
        return None
    # FastAPI 0.165 has the prefix of an included router in a context of its own; earlier ones have it in the route.
    context = scope.get("fastapi", {}).get("effective_route_context")
    if context is not None and getattr(context, "original_route", None) is route:
        route = getattr(context, "starlette_route", None) or context
    elif hasattr(route, "routes"):
        return None  # a mounted application
    return getattr(route, "path_format", None)


def _among(routes: Iterable[Any], probe: dict[str, Any], deepest: int) -> str | None:
    partial: str | None = None
    fastapi = sys.modules.get("fastapi.routing")
    every = getattr(fastapi, "iter_route_contexts", None)  # the routes of included routers too, with their prefixes
    for route in routes if every is None else every(routes):
        match, child = route.matches(dict(probe))
        path = getattr(route, "path_format", None)
        inner = getattr(route, "routes", None)
        if match.value == _FULL and inner and deepest:
            below = _among(inner, {**probe, **child}, deepest - 1)
            prefix = "" if path is None else path.removesuffix("/{path}")
            return None if below is None else prefix + below
        if match.value == _FULL:
            return path
        if match.value == _PARTIAL and partial is None:
            partial = path
    return partial
