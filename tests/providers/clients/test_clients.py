"""Every provider through its own client: sync, async, streamed, refused, with new fields, without usage."""

import asyncio
import contextlib
import importlib
import inspect
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from loopback.rig import Recorded, observed
from loopback.server import Answer, Loopback
from providers.clients.case import Case, without
from providers.clients.media import MEDIA
from providers.clients.openai_shaped import OPENAI_SHAPED
from providers.clients.own_shapes import OWN_SHAPES

from llmobserve.pricing import price_event

# The libraries' own: deprecated calls to pydantic, httpx and websockets.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*pydantic.*:UserWarning"),
]

CASES = (*OPENAI_SHAPED, *OWN_SHAPES, *MEDIA)


def those(*wanted: str) -> Any:
    """The cases that have all of these, as parameters."""
    found = [pytest.param(case, id=case.id) for case in CASES if all(getattr(case, name) for name in wanted)]
    return pytest.mark.parametrize("case", found)


def library(case: Case) -> Any:
    pytest.importorskip(case.module.partition(".")[0])
    return importlib.import_module(case.module)


def made(
    case: Case, call: Callable[[Any, str], Any] | None, answer: Answer, *, raises: type[Exception] | None = None
) -> Recorded:
    """What is recorded of one call. What the library raises is raised, unless it has to be raised."""
    assert call is not None
    module = library(case)
    with (
        Loopback(answer) as server,
        observed(server, case.provider) as recorded,
        pytest.raises(raises) if raises else contextlib.nullcontext(),
    ):
        outcome = call(module, server.url)
        if inspect.isawaitable(outcome):
            asyncio.run(_awaited(outcome))
    return recorded


async def _awaited(outcome: Any) -> None:
    await outcome


@those("ask")
def test_sync(case: Case) -> None:
    recorded = made(case, case.ask, case.answer())
    assert (recorded.one.provider, recorded.one.operation) == (case.provider, case.operation)
    assert (recorded.one.status, recorded.units) == ("ok", dict(case.units))
    assert recorded.one.usage.source != "estimated"


@those("ask_async")
def test_async(case: Case) -> None:
    recorded = made(case, case.ask_async, case.answer())
    assert (recorded.one.operation, recorded.one.status) == (case.operation, "ok")
    assert recorded.units == dict(case.units)


@those("stream")
def test_stream(case: Case) -> None:
    recorded = made(case, case.stream, case.streamed(case.events))
    assert (recorded.one.operation.removesuffix(".stream"), recorded.one.status) == (case.operation, "ok")
    assert (recorded.one.stream, recorded.units) == (True, dict(case.units))
    assert recorded.one.time_to_first_token_ms is not None


@those("stream_async")
def test_stream_async(case: Case) -> None:
    recorded = made(case, case.stream_async, case.streamed(case.events))
    assert (recorded.one.stream, recorded.one.status, recorded.units) == (True, "ok", dict(case.units))


@those("stream", "events_without")
def test_stream_without_usage(case: Case) -> None:
    recorded = made(case, case.stream, case.streamed(case.events_without))
    assert (recorded.one.stream, recorded.one.status) == (True, "ok")
    assert recorded.one.usage.source in ("estimated", "unknown")
    assert price_event(recorded.one).state in ("estimated", "unpriced", "free")
    assert any(recorded.units.values()) or recorded.one.usage.source == "unknown"


def refusal_of(case: Case, call: Callable[[Any, str], Any] | None) -> Recorded:
    """What is recorded when the provider says no: the library raises its own exception, not one of ours."""
    assert call is not None
    module = library(case)
    with Loopback(case.refused()) as server, observed(server, case.provider) as recorded:
        with pytest.raises(Exception) as caught:
            outcome = call(module, server.url)
            if inspect.isawaitable(outcome):
                asyncio.run(_awaited(outcome))
        assert not type(caught.value).__module__.startswith("llmobserve")
        assert not isinstance(caught.value, (AttributeError, TypeError, AssertionError))
    return recorded


@those("ask")
def test_refused(case: Case) -> None:
    recorded = refusal_of(case, case.ask)
    assert (recorded.one.status, recorded.one.http_status) == ("error", 400)
    assert recorded.one.error is not None
    assert recorded.one.error.message == case.message
    assert price_event(recorded.one).state == "free", "an error answer without usage costs nothing"


@those("ask")
def test_unknown_new_fields(case: Case) -> None:
    body = deepcopy(case.body)
    place = body
    for key in case.usage_at or ():
        place = place[key]
    for target in (body, place):
        if isinstance(target, dict):
            target["something_new"] = {"a": [1, None, {"b": 2.5}], "tokens": 99}
    recorded = made(case, case.ask, case.answer(body))
    assert (recorded.one.status, recorded.units) == ("ok", dict(case.units))


@those("ask", "states_usage")
def test_missing_usage(case: Case) -> None:
    body = case.body if case.usage_at is None else without(case.body, case.usage_at)
    headers = {key: value for key, value in case.headers.items() if key != case.usage_header}
    raises = Exception if case.needs_usage else None
    recorded = made(case, case.ask, case.answer(body, headers=headers), raises=raises)
    if case.waits_for_usage:
        assert not recorded.calls
        return
    assert recorded.one.status == "ok"
    if case.units_without is not None:
        assert recorded.units == dict(case.units_without)
    else:
        assert recorded.one.usage.source in ("estimated", "unknown")
        assert price_event(recorded.one).state in ("estimated", "unpriced", "free")
