"""Calls whose answer stated no usage: what the collector makes of them on their arrival."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest
from loopback.openai_bodies import chat_chunks
from loopback.rig import observed
from loopback.server import Loopback, event_stream
from server.batches import PROJECT, Collector, batch, call, collector, content

from llmobserve.pricing import price_event
from llmobserve.wire import record_to_json
from llmobserve_server.errors import StoreError
from llmobserve_server.query.event_detail import get_event
from llmobserve_server.query.stored_call import call_of
from llmobserve_server.query.window import Scope
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import events

# gpt-4o-mini: $0.15 and $0.60 for a million tokens in and out (https://openai.com/api/pricing, in prices/openai.yaml).
MILLION = Decimal(10**6)


def finished(
    *, given: tuple[int, int] = (1000, 200), made: tuple[int, int] = (400, 50), **facts: Any
) -> dict[str, Any]:
    """A call whose provider counted: (bytes, tokens) of input and output."""
    usage = {
        "units": {"input_text_tokens": given[1], "output_text_tokens": made[1]},
        "details": {"input_text_bytes": given[0], "output_text_bytes": made[0]},
        "source": "response",
    }
    return call(**{"usage": usage, **facts})


def unstated(
    given: int | None = 1000, made: int | None = 400, *, flags: tuple[str, ...] = (), **facts: Any
) -> dict[str, Any]:
    """A call as the SDK sends it where the answer stated no usage: four bytes a token."""
    sizes = {"input": given, "output": made}
    usage = {
        "units": {f"{side}_text_tokens": -(-size // 4) for side, size in sizes.items() if size is not None},
        "details": {f"{side}_text_bytes": size for side, size in sizes.items() if size is not None},
        "source": "estimated",
        "flags": list(flags),
    }
    return call(**{"usage": usage, "response_model": None, **facts})


def stored(running: Collector, record: dict[str, Any], *more: dict[str, Any], project: str = PROJECT) -> Row:
    running.post(batch(record, *more), project)
    (row,) = [row for row in running.rows(events, project) if row["event_id"] == record["event_id"]]
    return row


def learn(running: Collector, count: int, project: str = PROJECT, **facts: Any) -> None:
    running.post(batch(*(finished(**facts) for _ in range(count))), project)


def test_twenty_finished_calls_give_the_ratio(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        learn(running, 20)
        row = stored(running, unstated(1500, 400))
    # 1000 bytes were 200 tokens, 400 bytes 50: 5 and 8 bytes a token. 1500 / 5 = 300, 400 / 8 = 50.
    assert row["units"] == {"input_text_tokens": 300, "output_text_tokens": 50}
    assert (row["input_tokens"], row["output_tokens"]) == (300, 50)
    assert (row["usage_source"], row["cost_state"]) == ("estimated", "estimated")
    assert row["cost_usd"] == (300 * Decimal("0.15") + 50 * Decimal("0.60")) / MILLION
    assert row["usage_details"] == {
        "input_text_bytes": 1500,
        "output_text_bytes": 400,
        "input_bytes_per_token": "5.00",
        "input_estimate_calls": 20,
        "input_error_percent": 1,
        "output_bytes_per_token": "8.00",
        "output_estimate_calls": 20,
        "output_error_percent": 1,
    }
    assert row["cost_reason"] == (
        "The answer stated no final usage; tokens are estimated. Input: by 5.00 bytes a token, as in 20 finished calls "
        "of this project with this model (± 1 %). Output: by 8.00 bytes a token, as in 20 finished calls of this "
        "project with this model (± 1 %)."
    )


def test_what_the_api_shows(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        learn(running, 20)
        record = unstated(1500, 400)
        running.post(batch(record))
        detail = get_event(running.store, Scope(PROJECT), record["event_id"])
    assert (detail.usage_source, detail.usage_flags) == ("estimated", ["input_learned", "output_learned"])
    assert detail.details["input_bytes_per_token"] == "5.00"
    assert [(line.unit, line.quantity) for line in detail.receipt] == [
        ("input_text_tokens", "300"),
        ("output_text_tokens", "50"),
    ]


def test_priced_again_it_has_the_same_reason(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        learn(running, 20)
        row = stored(running, unstated(flags=("partial",)))
    again = price_event(call_of(row))
    assert (again.usd, again.state, again.reason) == (row["cost_usd"], "estimated", row["cost_reason"])
    assert "as in 20 finished calls" in str(again.reason)


def test_nineteen_are_too_few(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        learn(running, 19)
        row = stored(running, unstated())
    assert row["units"] == {"input_text_tokens": 250, "output_text_tokens": 100}
    assert row["cost_reason"] == (
        "The answer stated no final usage; tokens are estimated. Input: by four bytes a token (± 90 %). "
        "Output: by four bytes a token (± 65 %)."
    )


@pytest.mark.parametrize(
    "other",
    [
        {"project": "other"},
        {"request_model": "gpt-4o", "response_model": "gpt-4o"},
        {"provider": "azure_openai"},
        {"status": "error"},
        {"given": (20_000, 4000), "made": (20_000, 2500)},
    ],
    ids=["project", "model", "provider", "failed", "size"],
)
def test_calls_that_are_not_comparable_teach_nothing(tmp_path: Path, other: dict[str, Any]) -> None:
    with collector(tmp_path) as running:
        learn(running, 30, **other)
        row = stored(running, unstated())
    assert row["units"] == {"input_text_tokens": 250, "output_text_tokens": 100}


def test_what_was_learned_outlives_a_restart(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        learn(running, 20)
    with collector(tmp_path) as running:
        assert stored(running, unstated())["units"] == {"input_text_tokens": 200, "output_text_tokens": 50}


def test_stated_usage_is_never_replaced(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        learn(running, 20)
        row = stored(running, finished(given=(1000, 7), made=(400, 3)))
        assert (row["units"], row["cost_reason"]) == ({"input_text_tokens": 7, "output_text_tokens": 3}, None)
        job = unstated(revision=0)
        stored(running, job)
        final = {**finished(given=(1000, 9), made=(400, 4)), "event_id": job["event_id"], "revision": 1}
        assert stored(running, final)["units"] == {"input_text_tokens": 9, "output_text_tokens": 4}


def test_parts_that_are_stated_stay_exact(tmp_path: Path) -> None:
    usage = {
        "units": {"input_text_tokens": 17, "cache_read_text_tokens": 5000, "output_text_tokens": 100},
        "details": {"output_text_bytes": 400},
        "source": "estimated",
        "flags": ["partial"],
    }
    with collector(tmp_path) as running:
        learn(running, 20)
        row = stored(running, call(usage=usage))
    # Only the output was estimated: 400 bytes at 8 bytes a token.
    assert row["units"] == {"input_text_tokens": 17, "cache_read_text_tokens": 5000, "output_text_tokens": 50}
    assert row["usage_flags"] == ["partial", "output_learned"]
    assert row["cost_reason"] == (
        "The answer stated no final usage; tokens are estimated. Output: by 8.00 bytes a token, as in 20 finished "
        "calls of this project with this model (± 1 %). The stream ended early: the estimate is for what had arrived."
    )


def test_outliers_move_neither_the_ratio_nor_the_error(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        learn(running, 18)
        learn(running, 1, given=(1000, 180))
        learn(running, 1, given=(1000, 9000))
        row = stored(running, unstated())
    # The median is 5 bytes a token. 200 for 180 is 11.2 % too much, rounded up to 12, and the nineteenth of twenty.
    assert row["units"]["input_text_tokens"] == 200
    assert row["usage_details"]["input_error_percent"] == 12


def test_images_are_not_in_the_estimate(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        learn(running, 20)
        row = stored(running, unstated(flags=("unseen_input",)))
    assert "input_error_percent" not in row["usage_details"]
    assert "with this model (error unknown). Output" in row["cost_reason"]
    assert row["cost_reason"].endswith(
        "The request had images, files or an earlier conversation, whose tokens are not in the estimate."
    )


def test_models_that_hide_their_reasoning_are_named(tmp_path: Path) -> None:
    thinking = {
        "units": {"input_text_tokens": 200, "output_text_tokens": 900},
        "details": {"input_text_bytes": 1000, "reasoning_tokens": 850},
        "source": "response",
    }
    with collector(tmp_path) as running:
        running.post(batch(*(call(usage=thinking) for _ in range(20))))
        row = stored(running, unstated())
    assert row["units"] == {"input_text_tokens": 200, "output_text_tokens": 100}
    assert "four bytes a token (error unknown)" in row["cost_reason"]
    assert "This model reasons in tokens that its answers do not show" in row["cost_reason"]


# Tokens by GitHub's implementation of the vocabularies, the package bpe-openai 0.1.4: (text, o200k_base, cl100k_base).
TEXTS = [
    ("The quick brown fox jumps over the lazy dog.", 10, 10),
    ("今天天气很好，我们去公园散步吧。", 12, 20),
    ("def add(a: int, b: int) -> int:\n    return a + b\n", 19, 19),
    ("👩‍👩‍👧 🎉🎉", 12, 19),
    ("Größenverhältnisse überprüfen", 7, 11),
    ("مرحبا بالعالم", 4, 10),
]


@pytest.mark.parametrize(("text", "tokens", "older"), TEXTS, ids=["en", "zh", "code", "emoji", "de", "ar"])
@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4"])
def test_stored_text_is_counted(tmp_path: Path, text: str, tokens: int, older: int, model: str) -> None:
    size = len(text.encode())
    record = unstated(size + 16, size, request_model=model)
    said = content(
        record["event_id"],
        input={"messages": [{"role": "user", "content": text}]},
        output=[{"role": "assistant", "content": text, "finish_reason": "stop"}],
    )
    with collector(tmp_path) as running:
        row = stored(running, record, said)
    expected = tokens if model == "gpt-4o-mini" else older
    # The frame of a message has four tokens.
    assert row["units"] == {"input_text_tokens": expected + 4, "output_text_tokens": expected}
    assert row["usage_flags"] == ["input_counted", "output_counted"]
    assert "by counting the stored text with the model's vocabulary (± 10 %)" in row["cost_reason"]


def test_calls_of_tools_are_counted_with_names_and_arguments(tmp_path: Path) -> None:
    # By the same package: get_weather 2, {"city":"Paris","days":3} 9; 11 + 25 bytes.
    function = {"name": "get_weather", "arguments": '{"city":"Paris","days":3}'}
    record = unstated(None, 36)
    said = content(
        record["event_id"], output=[{"role": "assistant", "tool_calls": [{"id": "c", "function": function}]}]
    )
    with collector(tmp_path) as running:
        row = stored(running, record, said)
    assert row["units"] == {"output_text_tokens": 11}
    assert row["usage_details"]["output_error_percent"] == 55


def test_models_of_others_are_counted_with_a_correction(tmp_path: Path) -> None:
    record = unstated(None, 44, provider="anthropic", request_model="claude-sonnet-4-5")
    said = content(record["event_id"], output=[{"type": "text", "text": TEXTS[0][0]}])
    with collector(tmp_path) as running:
        row = stored(running, record, said)
    # 10 tokens of o200k_base are taken for 11.5 of theirs, rounded up.
    assert row["units"] == {"output_text_tokens": 12}
    assert "by counting the stored text with another vocabulary (± 25 %)" in row["cost_reason"]


def test_the_smaller_error_decides(tmp_path: Path) -> None:
    record = unstated(60, 44)
    said = content(
        record["event_id"],
        input={"messages": [{"role": "user", "content": TEXTS[0][0]}]},
        output=[{"role": "assistant", "content": TEXTS[0][0]}],
    )
    with collector(tmp_path) as running:
        # The output's ratio is off by 20 % in two of twenty calls: counting (10 %) is better; the input's is exact.
        learn(running, 18, given=(60, 20), made=(44, 10))
        learn(running, 2, given=(60, 20), made=(48, 9))
        row = stored(running, record, said)
    assert row["units"] == {"input_text_tokens": 20, "output_text_tokens": 10}
    assert row["usage_flags"] == ["input_learned", "output_counted"]


def test_a_text_that_was_cut_stands_for_the_whole(tmp_path: Path) -> None:
    record = unstated(None, 4400)
    said = content(record["event_id"], output=" ".join([TEXTS[0][0]] * 60), truncated=True)
    with collector(tmp_path) as running:
        row = stored(running, record, said)
        # Less than half of it says too little.
        short = unstated(None, 4400)
        left = stored(running, short, content(short["event_id"], output=TEXTS[0][0], truncated=True))
    # 60 sentences of 44 bytes with 59 spaces are 2699 bytes and 600 tokens: 4400 bytes are 979.
    assert row["units"] == {"output_text_tokens": 979}
    assert left["units"] == {"output_text_tokens": 1100}


def test_huge_and_unbroken_texts_are_counted_in_part(tmp_path: Path) -> None:
    # "a" eight times is one token of o200k_base; 1.6 million of them would take the package hours.
    record = unstated(None, 1_600_000)
    said = content(record["event_id"], output=[{"type": "text", "text": "a" * 1_600_000}])
    with collector(tmp_path) as running:
        row = stored(running, record, said)
    assert row["units"] == {"output_text_tokens": 200_000}


def test_a_batch_counts_only_so_much(tmp_path: Path) -> None:
    text = " ".join([TEXTS[0][0]] * 1000)
    records = [unstated(None, len(text)) for _ in range(6)]
    said = [content(record["event_id"], output=text) for record in records]
    with collector(tmp_path) as running:
        running.post(batch(*records, *said))
        flags = sorted(str(row["usage_flags"]) for row in running.rows(events))
    assert flags == ["['output_counted']"] * 4 + ["[]"] * 2


class Unreadable:
    """A store that writes and does not answer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def fetch(self, *_: object) -> list[Row]:
        raise StoreError("The disk is gone.")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return getattr(self._store, name)


def test_a_store_that_does_not_answer_costs_no_event(tmp_path: Path) -> None:
    with collector(tmp_path, wrap=Unreadable) as running:  # type: ignore[arg-type]
        answer = running.post(batch(unstated()))
    assert (answer.accepted, answer.rejected) == (1, 0)
    with collector(tmp_path) as running:
        (row,) = running.rows(events)
    assert row["units"] == {"input_text_tokens": 250, "output_text_tokens": 100}


def test_estimates_of_other_things_stay(tmp_path: Path) -> None:
    usage = {"units": {"write_units": 7}, "source": "estimated"}
    with collector(tmp_path) as running:
        facts: dict[str, Any] = {"provider": "pinecone", "operation": "upsert", "kind": "vector_db"}
        row = stored(running, call(usage=usage, request_model=None, response_model=None, **facts))
    assert (row["units"], row["usage_details"], row["usage_flags"]) == ({"write_units": 7}, None, [])


@pytest.mark.parametrize("with_content", [False, True])
def test_from_the_real_client_to_the_row(tmp_path: Path, with_content: bool) -> None:
    words = TEXTS[0][0]
    answer = event_stream(chat_chunks(words[:20], words[20:]))
    with (
        Loopback(answer) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client,
        observed(server, content=with_content) as recorded,
    ):
        asked: Any = [{"role": "user", "content": words}]
        list(client.chat.completions.create(model="gpt-4o-mini", messages=asked, stream=True))
    records = [record_to_json(record) for record in (recorded.one, *recorded.contents)]
    with collector(tmp_path) as running:
        running.post(batch(*records))
        (row,) = running.rows(events)
    # 44 bytes, and the frame of the message: 60 / 4 and 44 / 4; counted they are 10 tokens, and 4 for the frame.
    expected = (14, 10) if with_content else (15, 11)
    assert (row["input_tokens"], row["output_tokens"]) == expected
    assert row["cost_usd"] == (expected[0] * Decimal("0.15") + expected[1] * Decimal("0.60")) / MILLION


@pytest.mark.parametrize("size", [0, -1, 2**60, "many", 1.5, None])
def test_hostile_sizes(tmp_path: Path, size: Any) -> None:
    record = unstated()
    record["usage"]["details"]["input_text_bytes"] = size
    with collector(tmp_path) as running:
        learn(running, 20)
        answer = running.post(batch(record))
    assert answer.accepted + answer.rejected == 1
