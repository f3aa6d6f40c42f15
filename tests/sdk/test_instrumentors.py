"""The setting `use_instrumentors`: which libraries are hooked beside the transports."""

import re
from typing import Any

import pytest
import redis
from loopback.redis_server import RedisLoopback

from llmobserve import capture
from llmobserve.capture.libraries import LIBRARIES
from llmobserve.settings import INSTRUMENTORS, SettingError, load

ALL = frozenset(INSTRUMENTORS)


@pytest.mark.parametrize(
    ("given", "variable", "on"),
    [
        (None, "", ALL),
        (True, "", ALL),
        (False, "", frozenset()),
        (["redis"], "", {"redis"}),
        (("redis", "openai"), "", {"redis"}),
        (["openai", "stripe"], "", frozenset()),
        (None, "false", frozenset()),
        (None, "1", ALL),
        (None, "mongodb, redis", {"mongodb", "redis"}),
        (None, "Gemini", frozenset()),
    ],
)
def test_what_is_on(given: Any, variable: str, on: set[str]) -> None:
    assert load({"use_instrumentors": given}, {"LLMOBSERVE_USE_INSTRUMENTORS": variable}).use_instrumentors == on


@pytest.mark.parametrize("given", ["perhaps", "", ["mysql"], [], 3, ["redis", 3]])
def test_other_values_are_refused(given: Any) -> None:
    with pytest.raises(SettingError, match=re.escape("true, false or names out of anthropic")):
        load({"use_instrumentors": given}, {})


def test_every_name_has_hooks() -> None:
    assert {library.instrumentor for library in LIBRARIES} == {None, *INSTRUMENTORS}


@pytest.mark.parametrize(("on", "calls"), [(True, 1), (["redis"], 1), (["mongodb"], 0), (False, 0)])
def test_what_is_off_is_not_hooked(on: Any, calls: int) -> None:
    recorded: list[Any] = []
    settings = load({"use_instrumentors": on}, {})
    before = redis.Redis.execute_command
    capture.install(sink=lambda *record: recorded.append(record), settings=settings)
    try:
        with RedisLoopback({"VSIM": ["a"]}) as server, redis.Redis(port=server.port, protocol=2) as asked:
            asked.execute_command("VSIM", "k", "ELE", "a")
        assert len(recorded) == calls
        assert (redis.Redis.execute_command is before) == (calls == 0)
        assert ("redis" in {one.library for one in capture.health()}) == (calls == 1)
    finally:
        capture.uninstall()
    assert redis.Redis.execute_command is before
