"""Delivery to a real HTTP server: what is retried, split, parked, buried, and that nothing is removed too early."""

import json
import os
import socket
import threading
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from loopback.collector import Collector, Decide
from loopback.delivery import SOURCE, call, sender_to, to_url

from llmobserve.spool.writer import Limits, Spool
from llmobserve.transport import MemoryTransport, Reply, Sender
from llmobserve.transport.outcome import backoff_s, judge


def content(number: int, size: int = 10) -> bytes:
    return json.dumps(
        {"type": "content", "event_id": f"e{number}", "input": "x" * size}, separators=(",", ":")
    ).encode()


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["event_id"] for event in events]


def files(spool: Spool, pattern: str = "*.seg") -> list[Path]:
    return sorted(spool.directory.glob(pattern))


def letters(spool: Spool) -> list[dict[str, Any]]:
    return [json.loads(line) for path in files(spool, "dead/*.jsonl") for line in path.read_text().splitlines()]


def skip_wait(sender: Sender) -> None:
    sender._next_attempt_s = 0.0


def answering(*statuses: int, **headers: str) -> Decide:
    """Those statuses for the first requests, then acceptance."""

    def decide(number: int, batch: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]] | None:
        if number < len(statuses):
            return statuses[number], {key.replace("_", "-"): value for key, value in headers.items()}, {"detail": "no"}
        return None

    return decide


def test_a_segment_is_removed_after_the_answer(spool: Spool) -> None:
    present: list[int] = []

    def decide(number: int, batch: dict[str, Any]) -> None:
        present.append(len(files(spool)))

    spool.write([call(1), call(2)])
    with Collector(decide) as collector:
        sender = sender_to(spool, collector, "lo_key")
        assert sender.send_all()
        sender.close()
    assert present == [1]
    assert files(spool) == []
    (headers, batch) = collector.requests[0]
    assert headers[":path"] == "/v1/events"
    assert headers["authorization"] == "Bearer lo_key"
    assert batch["version"] == 2
    assert batch["source"] == SOURCE
    assert batch["batch_id"].endswith(".seg.0")
    assert abs(batch["sent_at_us"] - time.time_ns() // 1000) < 60_000_000
    assert ids(batch["events"]) == ["e1", "e2"]
    assert (sender.state.state, sender.state.sent, sender.state.batches) == ("ok", 2, 1)


def test_no_key_no_header(spool: Spool) -> None:
    spool.write([call(1)])
    with Collector() as collector:
        sender_to(spool, collector).send_all()
    assert "authorization" not in collector.requests[0][0]


def test_batches_hold_500_records_or_a_megabyte(spool: Spool) -> None:
    spool.write([call(n) for n in range(1100)])
    spool.seal()
    spool.write([call(n, 400_000) for n in range(2000, 2004)])
    with Collector() as collector:
        assert sender_to(spool, collector).send_all()
    assert [len(batch["events"]) for batch in collector.batches] == [500, 500, 100, 2, 2]
    assert len({batch["batch_id"] for batch in collector.batches}) == 5
    assert ids(collector.events()) == [f"e{n}" for n in [*range(1100), *range(2000, 2004)]]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_retried_with_the_same_batch_id(spool: Spool, status: int) -> None:
    spool.write([call(1)])
    with Collector(answering(status)) as collector:
        sender = sender_to(spool, collector)
        assert not sender.send_all()
        assert sender.state.state == "backing_off"
        assert str(status) in (sender.state.reason or "")
        assert len(files(spool)) == 1
        skip_wait(sender)
        assert sender.send_all()
    first, second = (batch["batch_id"] for _, batch in collector.requests)
    assert first == second
    assert ids(collector.events()) == ["e1"]
    assert (sender.state.state, sender.state.failures, sender.state.reason) == ("ok", 0, None)


def test_parts_that_arrived_are_not_sent_again(spool: Spool) -> None:
    spool.write([call(n) for n in range(1200)])
    failing = iter([None, 503])

    def decide(number: int, batch: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]] | None:
        status = next(failing, None)
        return None if status is None else (status, {}, {})

    with Collector(decide) as collector:
        sender = sender_to(spool, collector)
        assert not sender.send_all()
        skip_wait(sender)
        assert sender.send_all()
    assert ids(collector.events()) == [f"e{n}" for n in range(1200)]


def test_retry_after_is_kept_even_by_a_flush(spool: Spool) -> None:
    spool.write([call(1)])
    with Collector(answering(503, retry_after="120")) as collector:
        sender = sender_to(spool, collector)
        assert not sender.send_all()
        assert 110 < sender.wait_s <= 120
        assert not sender.send_all(now=True)
        assert len(collector.requests) == 1


def test_flush_does_not_wait_for_an_ordinary_back_off(spool: Spool) -> None:
    spool.write([call(1)])
    with Collector(answering(503)) as collector:
        sender = sender_to(spool, collector)
        sender.send_all()
        sender._next_attempt_s = time.monotonic() + 50
        assert not sender.send_all()
        assert sender.send_all(now=True)


def wait_for(value: str) -> float | None:
    return judge(Reply(429, {"retry-after": value})).wait_s


def test_forms_of_retry_after() -> None:
    assert wait_for("7") == 7
    assert wait_for("100000") == 900
    assert wait_for("-5") == 0
    assert wait_for("nan") is None
    assert wait_for("soon") is None
    date = wait_for(formatdate(time.time_ns() / 1e9 + 100, usegmt=True))
    assert date is not None
    assert 90 < date <= 100


def test_back_off_grows_with_full_jitter() -> None:
    for failures, most in ((1, 0.5), (2, 1.0), (4, 4.0), (8, 60.0), (5000, 60.0)):
        waits = [backoff_s(failures) for _ in range(300)]
        assert 0 <= min(waits) < most * 0.2
        assert most * 0.8 < max(waits) <= most


def test_nobody_listens(spool: Spool) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    spool.write([call(1)])
    sender = Sender(spool, to_url(f"http://127.0.0.1:{port}"))
    assert not sender.send_all()
    assert sender.state.state == "backing_off"
    assert "refused" in (sender.state.reason or "")
    with Collector(port=port) as collector:
        skip_wait(sender)
        assert sender.send_all()
    assert ids(collector.events()) == ["e1"]


def test_too_big_is_split_until_it_fits(spool: Spool) -> None:
    spool.write([call(n) for n in range(10)])

    def decide(number: int, batch: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]] | None:
        return (413, {}, {}) if len(batch["events"]) > 3 else None

    with Collector(decide) as collector:
        assert sender_to(spool, collector).send_all()
    assert ids(collector.events()) == [f"e{n}" for n in range(10)]
    assert len({batch["batch_id"] for batch in collector.batches}) == len(collector.batches)
    assert files(spool) == []


def test_single_record_too_big(spool: Spool) -> None:
    spool.write([call(1), content(1, 5000), call(2, 5000), call(3)])

    def decide(number: int, batch: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]] | None:
        return (413, {}, {}) if len(json.dumps(batch["events"])) > 2000 else None

    with Collector(decide) as collector:
        sender = sender_to(spool, collector)
        assert sender.send_all()
    assert ids(collector.events()) == ["e1", "e3"]
    assert [letter["record"]["event_id"] for letter in letters(spool)] == ["e2"]
    assert dict(spool.lost) == {"content_too_big": 1, "too_big": 1}
    assert sum(collector.dropped.values()) == 2


@pytest.mark.parametrize("status", [400, 422])
def test_refused_batch_goes_to_the_dead_letters(spool: Spool, status: int) -> None:
    spool.write([call(1), call(2)])
    with Collector(answering(status)) as collector:
        sender = sender_to(spool, collector)
        assert sender.send_all()
        assert files(spool) == []
        found = letters(spool)
        assert [letter["record"]["event_id"] for letter in found] == ["e1", "e2"]
        assert found[0]["reason"] == f'HTTP {status}: {{"detail": "no"}}'
        assert dict(sender.state.dead) == {"refused": 2}
        spool.write([call(3)])
        assert sender.send_all()
    assert ids(collector.events()) == ["e3"]
    assert collector.dropped == {"refused": 2}


def test_rejected_record_goes_to_the_dead_letters_alone(spool: Spool) -> None:
    spool.write([call(1), call(2), call(3)])
    answer = {
        "accepted": 1,
        "verdicts": [
            {"index": 1, "event_id": "e2", "status": "rejected", "message": "provider: missing"},
            {"index": 2, "event_id": "e3", "status": "duplicate"},
        ],
    }
    with Collector(lambda number, batch: (200, {}, answer)) as collector:
        sender = sender_to(spool, collector)
        assert sender.send_all()
    assert [(letter["reason"], letter["record"]["event_id"]) for letter in letters(spool)] == [
        ("provider: missing", "e2")
    ]
    assert dict(sender.state.dead) == {"rejected": 1}
    assert not spool.lost  # the collector knows it already


@pytest.mark.parametrize(
    ("status", "says"), [(401, "API key"), (403, "API key"), (404, "no collector"), (302, "no col")]
)
def test_wrong_key_or_address_parks_and_keeps_everything(spool: Spool, status: int, says: str) -> None:
    spool.write([call(1)])
    with Collector(answering(status, location="http://127.0.0.1:1/elsewhere")) as collector:
        sender = sender_to(spool, collector, "lo_old")
        assert not sender.send_all()
        assert sender.state.state == "parked"
        assert says in (sender.state.reason or "")
        assert 290 < sender.wait_s <= 300
        assert not sender.send_all(now=True)
        assert len(collector.requests) == 1
        assert len(files(spool)) == 1
        skip_wait(sender)
        assert sender.send_all()
    assert ids(collector.events()) == ["e1"]


def test_answer_that_is_cut_short_is_retried(spool: Spool) -> None:
    """The collector dies between storing and answering: the batch comes again under the same id."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def half_answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")

        thread = threading.Thread(target=half_answer)
        thread.start()
        spool.write([call(1)])
        sender = Sender(spool, to_url(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        assert not sender.send_all()
        thread.join()
    assert sender.state.state == "backing_off"
    assert len(files(spool)) == 1


def test_kept_connection_that_the_collector_closed_is_no_failure(spool: Spool) -> None:
    with Collector() as collector:
        transport = to_url(collector.url)
        sender = Sender(spool, transport)
        spool.write([call(1)])
        assert sender.send_all()
        assert transport._connection is not None
        transport._connection.sock.shutdown(socket.SHUT_RDWR)
        spool.write([call(2)])
        assert sender.send_all()
    assert ids(collector.events()) == ["e1", "e2"]


def test_memory_is_sent_when_there_is_no_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    spool = Spool(str(tmp_path / "file" / "spool"), lambda: dict(SOURCE))
    for number in range(700):
        spool.write([call(number)])
    with Collector(answering(503)) as collector:
        sender = sender_to(spool, collector)
        assert not sender.send_all()
        skip_wait(sender)
        assert sender.send_all()
    assert ids(collector.events()) == [f"e{n}" for n in range(700)]
    assert collector.requests[0][1]["batch_id"] == collector.requests[1][1]["batch_id"]
    assert not spool.memory


def test_losses_reach_the_collector_once(spool: Spool) -> None:
    spool.write([call(1)])
    spool.lose("spans_full", 4)
    with Collector(answering(503)) as collector:
        sender = sender_to(spool, collector)
        sender.send_all()
        skip_wait(sender)
        assert sender.send_all()
        spool.lose("spool_full", 2)
        assert sender.send_all()
        assert sender.send_all()
    assert collector.dropped == {"spans_full": 4, "spool_full": 2}


def test_torn_tail_is_counted_and_the_rest_sent(spool: Spool) -> None:
    spool.write([call(1), call(2)])
    spool.seal()
    with spool.sealed[0].open("ab") as file:
        file.write(b"\x00\x00\x10\x00torn")
    with Collector() as collector:
        sender = sender_to(spool, collector)
        assert sender.send_all()
    assert ids(collector.events()) == ["e1", "e2"]
    assert collector.dropped == {"torn": 1}


def test_expired_segment_is_reported_as_lost(tmp_path: Path) -> None:
    old = Spool(str(tmp_path / "spool"), lambda: dict(SOURCE), limits=Limits(age_s=3600))
    old.write([call(1), call(2)])
    old.seal()
    os.utime(old.sealed.popleft(), (0, 0))
    with Collector() as collector:
        sender = sender_to(old, collector)
        assert sender.send_all()
        assert sender.send_all()
    assert collector.events() == []
    assert collector.dropped == {"expired": 2}


def test_two_senders_do_not_send_a_segment_twice_at_once(spool: Spool) -> None:
    """A second process that believes the first gone meets the lock and leaves the segment alone."""
    spool.write([call(1)])
    second_sent: list[int] = []

    def during(number: int, batch: dict[str, Any]) -> None:
        other_spool = Spool(str(spool.directory), lambda: {"process_id": "p2"})
        transport = MemoryTransport()
        other = Sender(other_spool, transport)
        assert other.send_all(now=True)
        second_sent.append(len(transport.events))

    with Collector(during) as collector:
        assert sender_to(spool, collector).send_all()
    assert second_sent == [0]
    assert ids(collector.events()) == ["e1"]


def test_no_new_batch_after_the_deadline(spool: Spool) -> None:
    spool.write([call(1)])
    transport = MemoryTransport()
    assert not Sender(spool, transport).send_all(before_s=time.monotonic() - 1)
    assert transport.batches == []
    assert len(files(spool)) == 1


def test_own_segments_expire_while_the_collector_is_away(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path / "spool"), lambda: dict(SOURCE), limits=Limits(age_s=3600))
    spool.write([call(1), call(2)])
    spool.lose("spans_full", 3)
    spool.close()  # the losses are noted in the segment
    os.utime(spool.sealed[0], (0, 0))
    spool.write([call(3)])
    with Collector(answering(503)) as collector:
        sender = sender_to(spool, collector)
        assert not sender.send_all()
        assert len(files(spool)) == 1
        skip_wait(sender)
        assert sender.send_all()
    assert ids(collector.events()) == ["e3"]
    assert collector.dropped == {"expired": 2, "spans_full": 3}


def test_a_segment_that_the_collector_always_fails_over_does_not_hold_up_the_others(spool: Spool) -> None:
    for number in range(3):
        spool.write([call(number)])
        spool.seal()

    def decide(number: int, batch: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]] | None:
        return (500, {}, {}) if batch["events"][0]["event_id"] == "e0" else None

    with Collector(decide) as collector:
        sender = sender_to(spool, collector)
        for _ in range(4):
            sender.send_all()
            skip_wait(sender)
        assert ids(collector.events()) == ["e1", "e2"]
        assert len(files(spool)) == 1  # it is not given up


def test_what_others_have_left_is_not_held_up_either(spool: Spool) -> None:
    for number in range(3):
        other = Spool(str(spool.directory), lambda: {"process_id": "gone"})
        other.write([call(number)])
        other.close()
        os.utime(other.sealed[0], (1_000_000_000 + number, 1_000_000_000 + number))
    long_ago = Spool(str(spool.directory), lambda: dict(SOURCE), limits=Limits(age_s=10**10))

    def decide(number: int, batch: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]] | None:
        return (500, {}, {}) if batch["events"][0]["event_id"] == "e0" else None

    with Collector(decide) as collector:
        sender = sender_to(long_ago, collector)
        for _ in range(4):
            sender.send_all(now=True)
            skip_wait(sender)
    assert ids(collector.events()) == ["e1", "e2"]


def test_a_segment_that_cannot_be_removed_is_sent_once(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a directory that has become read-only."""
    real = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".seg":
            raise PermissionError(1, "Operation not permitted")
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    for number in range(2):
        spool.write([call(number)])
        spool.seal()
    with Collector() as collector:
        sender = sender_to(spool, collector)
        for _ in range(3):
            assert sender.send_all(now=True)
    assert ids(collector.events()) == ["e0", "e1"]


def test_a_segment_that_cannot_be_read_does_not_hold_up_the_others(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        spool.write([call(number)])
        spool.seal()
    bad, real = spool.sealed[0], Path.read_bytes

    def fail(path: Path) -> bytes:
        if path == bad:
            raise OSError(5, "Input/output error")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", fail)
    with Collector() as collector:
        sender = sender_to(spool, collector)
        assert sender.send_all()
        assert ids(collector.events()) == ["e1", "e2"]
        assert files(spool) == [bad]
        monkeypatch.undo()
        assert sender.send_all(now=True)  # it is tried again with what ended processes have left
    assert ids(collector.events()) == ["e1", "e2", "e0"]


def test_a_key_that_was_replaced_in_the_collector_ends_the_pause(spool: Spool) -> None:
    valid = {"Bearer lo_new"}

    def decide(number: int, batch: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]] | None:
        return None if collector.requests[number][0]["authorization"] in valid else (401, {}, {})

    spool.write([call(1)])
    with Collector(decide) as collector:
        parked = sender_to(spool, collector, "lo_old")
        assert not parked.send_all()
        spool.write([call(2)])
        assert not parked.send_all(now=True)
        assert parked.state.state == "parked"
        # Another process that has the new key takes what is complete; the rest follows when the old key is taken again.
        spool.seal()
        assert sender_to(Spool(str(spool.directory), lambda: dict(SOURCE)), collector, "lo_new").send_all(now=True)
        assert ids(collector.events()) == ["e1", "e2"]
        spool.write([call(3)])
        valid.add("Bearer lo_old")
        skip_wait(parked)
        assert parked.send_all()
    assert ids(collector.events()) == ["e1", "e2", "e3"]
    assert not spool.lost
