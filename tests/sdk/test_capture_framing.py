"""AWS event streams and streamed JSON arrays, cut at any byte and damaged in any way."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback.exchanges import event_frame

from llmobserve.capture.binary_framing import EventstreamFramer, JsonArrayFramer
from llmobserve.capture.framing import decode_events


def run(framer: Any, data: bytes, size: int) -> list[tuple[str | None, bytes]]:
    blocks = [block for at in range(0, len(data), size) for block in framer.push(data[at : at + size])]
    blocks += framer.split(framer.rest(b""))
    return [event for block in blocks for event in framer.parse(block)]


FRAMES = [("metadata", {"usage": {"inputTokens": 3}}), ("chunk", {"bytes": "e30="}), ("x", {"text": "ä" * 300})]


@pytest.mark.parametrize("size", [1, 2, 7, 11, 12, 13, 100, 100_000])
def test_frames_at_any_cut(size: int) -> None:
    data = b"".join(event_frame(name, payload) for name, payload in FRAMES)
    found = run(EventstreamFramer(), data, size)
    assert [(name, json.loads(payload)) for name, payload in found] == FRAMES


def test_exception_frame_is_named() -> None:
    frame = event_frame("throttlingException", {"message": "slow down"}, kind="exception")
    assert run(EventstreamFramer(), frame, 5) == [("throttlingException", b'{"message": "slow down"}')]


def test_damaged_payload_is_left_out_and_the_rest_is_read() -> None:
    first, second = event_frame("a", {"n": 1}), event_frame("b", {"n": 2})
    damaged = first[:-6] + b"\x00" + first[-5:]
    assert [name for name, _ in run(EventstreamFramer(), damaged + second, 9)] == ["b"]


def test_after_a_damaged_length_nothing_is_read() -> None:
    first, second = event_frame("a", {"n": 1}), event_frame("b", {"n": 2})
    framer = EventstreamFramer()
    assert len(framer.push(first + b"\xff" * 12 + second)) == 1
    assert framer.push(second) == []
    assert framer.rest(second) == b""


def test_truncated_stream_gives_the_whole_frames() -> None:
    data = event_frame("a", {"n": 1}) + event_frame("b", {"n": 2})[:-1]
    assert [name for name, _ in run(EventstreamFramer(), data, 6)] == ["a"]


@given(st.binary(max_size=300), st.integers(1, 50))
def test_no_bytes_raise(data: bytes, size: int) -> None:
    run(EventstreamFramer(), data, size)
    run(JsonArrayFramer(), data, size)


ELEMENTS = [{"a": 'quote " brace } \\ {'}, {"b": {"c": [{"d": "\\"}, "]"]}}, {"e": "ä\\u007d"}, {}]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 1000])
def test_array_elements_at_any_cut(size: int) -> None:
    data = json.dumps(ELEMENTS, indent=1, ensure_ascii=False).encode()
    found = run(JsonArrayFramer(), data, size)
    assert [json.loads(payload) for _, payload in found] == ELEMENTS


def test_one_object_instead_of_an_array() -> None:
    assert run(JsonArrayFramer(), b'{"error": {"code": 400}}', 4) == [(None, b'{"error": {"code": 400}}')]


def test_element_that_was_cut_is_left_out() -> None:
    assert run(JsonArrayFramer(), b'[{"a": 1},\r\n{"b": 2', 3) == [(None, b'{"a": 1}')]


@pytest.mark.parametrize(
    ("data", "events"),
    [
        ([], []),
        ([b'{"a":1}', b"null", b"[2]"], [{"a": 1}, None, [2]]),
        ([b'{"a":1}', b"no json", b'{"b":2}'], [{"a": 1}, None, {"b": 2}]),
        ([b'{"a":1', b'"b":2}'], [None, None]),
        ([b"1,2"], [None]),
        ([b'"\xff"', b'"\xc3\xa4"'], ["\ufffd", "ä"]),
        ([b"[" * 100_000, b"1"], [None, 1]),
    ],
)
def test_events_decoded_together_are_those_decoded_alone(data: list[bytes], events: list[Any]) -> None:
    assert decode_events(data) == events
