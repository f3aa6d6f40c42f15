"""The spool on its own: form of the files, bounds, ownership."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from llmobserve.spool.dead_letters import put_dead
from llmobserve.spool.directory import expire, orphans, put_status, remove_status, spool_state, statuses
from llmobserve.spool.segment import Owner, claim, frame, lock, read_segment, release
from llmobserve.spool.writer import Limits, Spool

SOURCE = {"process_id": "p1", "service": "shop"}


def call(number: int, size: int = 100) -> bytes:
    return b'{"type":"call","n":%d,"pad":"%s"}' % (number, b"x" * size)


def content(size: int) -> bytes:
    return b'{"type":"content","pad":"%s"}' % (b"x" * size)


def spool_in(folder: Path, **limits: Any) -> Spool:
    return Spool(str(folder / "spool"), lambda: dict(SOURCE), limits=Limits(**limits))


def records_of(path: Path) -> list[bytes]:
    return read_segment(path.name, path.read_bytes()).records


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_nothing_exists_before_the_first_record(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    assert not (tmp_path / "spool").exists()
    spool.close()
    assert not (tmp_path / "spool").exists()


def test_records_come_back_with_their_source(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.write([call(1), content(5)])
    spool.write([call(2)])
    spool.seal()
    (path,) = spool.sealed
    segment = read_segment(path.name, path.read_bytes())
    assert segment.records == [call(1), content(5), call(2)]
    assert segment.source == SOURCE
    assert segment.torn == 0


def test_form_of_a_file_is_length_crc_json(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.write([call(1)])
    spool.seal()
    data = spool.sealed[0].read_bytes()
    tail = data[-len(call(1)) - 8 :]
    assert tail[:4] == len(call(1)).to_bytes(4, "big")
    assert tail[4:8] == zlib.crc32(call(1)).to_bytes(4, "big")
    assert tail[8:] == call(1)


def test_only_the_user_may_read(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.write([call(1)])
    spool.seal()
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    assert stat.S_IMODE(spool.sealed[0].stat().st_mode) == 0o600


def test_one_system_call_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = spool_in(tmp_path)
    spool.write([call(0)])
    writes: list[int] = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(len(data)) or real(fd, data))
    spool.write([call(1), call(2), content(9)])
    assert len(writes) == 1


def test_rotates_by_size(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, segment_bytes=1000)
    for number in range(30):
        spool.write([call(number)])
    spool.seal()
    assert len(spool.sealed) > 2
    assert all(path.stat().st_size < 1400 for path in spool.sealed)
    assert [record for path in spool.sealed for record in records_of(path)] == [call(n) for n in range(30)]


@pytest.mark.parametrize("cut", range(1, 140))
def test_torn_tail_costs_the_last_record_alone(tmp_path: Path, cut: int) -> None:
    spool = spool_in(tmp_path)
    for number in range(3):
        spool.write([call(number)])
    spool.seal()
    segment = read_segment("x", spool.sealed[0].read_bytes()[:-cut])
    whole = len(call(2)) + 8
    if cut == whole:
        assert (segment.records, segment.torn) == ([call(0), call(1)], 0)
    elif cut < whole:
        assert (segment.records, segment.torn) == ([call(0), call(1)], 1)
    else:
        assert segment.records == [call(0)]


def test_damage_in_the_middle_costs_one_record(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.write([call(0), call(1), call(2)])
    spool.seal()
    data = spool.sealed[0].read_bytes().replace(b'"n":1', b'"n":7')
    segment = read_segment("x", data)
    assert (segment.records, segment.torn) == ([call(0), call(2)], 1)


def test_full_spool_gives_up_content_before_calls(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, directory_bytes=20_000, segment_bytes=4_000)
    for number in range(40):
        spool.write([call(number, 400), content(400)])
    spool.close()
    kept = [record for path in spool.sealed for record in records_of(path)]
    calls = [record for record in kept if record.startswith(b'{"type":"call"')]
    contents = len(kept) - len(calls)
    assert contents < len(calls) < 40
    assert calls == [call(number, 400) for number in range(len(calls))]
    assert dict(spool.lost) == {"spool_full_content": 40 - contents, "spool_full": 40 - len(calls)}
    size = sum(path.stat().st_size for path in (tmp_path / "spool").iterdir())
    assert 16_000 < size <= 20_000 + 200


def test_room_that_was_made_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmobserve.spool.writer._RETRY_NS", 0)
    spool = spool_in(tmp_path, directory_bytes=3_000, segment_bytes=1_000)
    for number in range(40):
        spool.write([call(number)])
    assert spool.lost["spool_full"]
    for path in spool.sealed:
        path.unlink()
    lost = spool.lost["spool_full"]
    spool.write([call(99)])
    spool.seal()
    assert spool.lost["spool_full"] == lost
    assert records_of(spool.sealed[-1])[-1] == call(99)


def test_disk_is_not_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # 1 GB disk with 40 MB free: a twentieth of it (50 MB) has to stay free.
    disk = os.statvfs_result((4096, 4096, 250_000, 10_000, 10_000, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: disk)
    spool = spool_in(tmp_path)
    spool.write([call(1), content(5)])
    assert sum(path.stat().st_size for path in spool.directory.iterdir()) < 200  # the head alone
    assert list(spool.memory) == [content(5), call(1)]  # the collector may be there, and take them from memory
    assert dict(spool.lost) == {}
    monkeypatch.undo()
    spool.close()
    assert [record for path in spool.sealed for record in records_of(path)] == [content(5), call(1)]


def test_a_disk_with_little_room_is_used_for_calls_before_content(tmp_path: Path) -> None:
    # 4 MB with 1.2 MB free, of which a twentieth of the disk (0.2 MB) is left: of 1 MB a fifth is for calls alone.
    def disk(path: str) -> os.statvfs_result:
        free = 300 - sum(file.stat().st_size for file in Path(path).iterdir()) // 4096
        return os.statvfs_result((4096, 4096, 1000, free, free, 0, 0, 0, 0, 255))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "statvfs", disk)
        spool = spool_in(tmp_path)
        for number in range(15):
            spool.write([call(number), content(100_000)])
    on_disk = [record for path in (tmp_path / "spool").iterdir() for record in records_of(path)]
    assert [record for record in on_disk if record.startswith(b'{"type":"call"')] == [call(n) for n in range(15)]
    assert len(on_disk) - 15 == 8  # 8 × 100 kB = 0.8 MB
    assert len(spool.memory) == 7
    assert spool.created == 30


def test_records_move_from_memory_to_a_disk_that_can_be_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmobserve.spool.writer._RETRY_NS", 0)
    blocked = unwritable(tmp_path)
    spool = spool_in(blocked)
    for number in range(3):
        spool.write([call(number)])
    assert len(spool.memory) == 3
    blocked.unlink()
    spool.write([call(3)])
    assert not spool.memory
    assert spool.unwritable is None
    spool.close()
    assert [record for path in spool.sealed for record in records_of(path)] == [call(n) for n in range(4)]
    assert dict(spool.lost) == {}


def test_what_never_finds_room_is_counted_at_the_end(tmp_path: Path) -> None:
    spool = spool_in(unwritable(tmp_path))
    spool.write([call(1), call(2)])
    spool.close()
    assert dict(spool.lost) == {"not_written": 2}
    assert spool.created == 2


def test_a_forked_child_keeps_no_lock_of_its_parent(tmp_path: Path) -> None:
    """The parent has one segment open and sends another: a child that outlives it must hold neither."""
    spool = spool_in(tmp_path)
    spool.write([call(1)])
    spool.seal()
    sending = claim(spool.sealed[0])
    assert sending is not None
    spool.write([call(2)])
    active = spool.active_path
    assert active is not None
    unrelated = (tmp_path / "unrelated").open("w")
    child = os.fork()
    if child == 0:
        try:
            spool.after_fork()
            unrelated.write("still open")
            unrelated.flush()
            time.sleep(60)
        finally:
            os._exit(1)
    try:
        give_up = time.monotonic() + 30
        while not (tmp_path / "unrelated").stat().st_size and time.monotonic() < give_up:
            time.sleep(0.01)
        release(sending)
        spool.seal()
        for path in (spool.sealed[0], active):
            descriptor = claim(path)
            assert descriptor is not None
            release(descriptor)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        unrelated.close()


def test_a_note_of_unknown_form_counts_as_damaged() -> None:
    notes = [b'{"type":"segment"}', b'{"type":"dropped","dropped":{"a":"x"}}', call(1)]
    segment = read_segment("x", frame(notes))
    assert (segment.records, segment.torn, segment.source) == ([call(1)], 2, {})


def unwritable(folder: Path) -> Path:
    blocked = folder / "file"
    blocked.write_text("in the way")
    return blocked


def test_unwritable_directory_keeps_in_memory_and_warns_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = spool_in(unwritable(tmp_path), memory_bytes=1000)
    for number in range(5):
        spool.write([call(number), content(100)])
    assert spool.unwritable is not None
    kept = spool.take_memory(100, 10_000)
    calls = [record for record in kept if record.startswith(b'{"type":"call"')]
    assert calls == [call(number) for number in range(len(calls))]
    assert spool.lost["memory_full"] == 5 - len(calls)
    assert spool.lost["memory_full_content"] == 5 - (len(kept) - len(calls))
    assert len(caplog.records) == 1
    assert "LLMOBSERVE_SPOOL_DIR" in caplog.text
    spool.forget_memory(kept[:2])
    assert spool.take_memory(100, 10_000) == kept[2:]


def test_disk_that_fills_up_moves_to_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = spool_in(tmp_path)
    spool.write([call(1)])
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[: len(data) // 2]))
    spool.write([call(2)])
    monkeypatch.undo()
    assert list(spool.memory) == [call(2)]
    segment = read_segment("x", spool.sealed[0].read_bytes())
    assert (segment.records, segment.torn) == ([call(1)], 0)


def test_losses_not_reported_go_with_the_segment(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.write([call(1)])
    spool.lose("spans_full", 3)
    spool.close()
    assert read_segment("x", spool.sealed[0].read_bytes()).dropped == {"spans_full": 3}
    assert dict(spool.lost) == {"spans_full": 3}


def test_losses_are_reported_once_unless_given_back(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.lose("a", 2)
    taken = spool.take_losses()
    assert (taken, spool.take_losses()) == ({"a": 2}, {})
    spool.lose("a")
    spool.give_back_losses(taken)
    assert spool.take_losses() == {"a": 3}


def test_orphans_are_those_whose_owner_is_gone(tmp_path: Path) -> None:
    living = Owner.this_process()
    parent = Owner(os.getppid(), "0")
    names = {
        f"{dead_pid()}-5-000000.seg": True,
        f"{parent.pid}-{parent.start}-000000.seg": False,
        f"{os.getppid()}-1-000000.seg": True,  # the number was used again by a process that started later
        f"{living.pid}-{living.start}-000007.seg": True,  # left by an earlier observe() of this process
        "notes.seg": False,
        f"{dead_pid()}-5-000001.tmp": False,
    }
    for name in names:
        (tmp_path / name).write_bytes(b"")
    found = {path.name for path in orphans(tmp_path)}
    assert found == {name for name, adoptable in names.items() if adoptable}
    active = tmp_path / f"{living.pid}-{living.start}-000007.seg"
    assert active not in orphans(tmp_path, besides=active)


def test_segment_that_is_written_or_sent_cannot_be_claimed(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.write([call(1)])
    active = spool.active_path
    assert active is not None
    assert claim(active) is None
    spool.seal()
    first = claim(active)
    assert first is not None
    assert claim(active) is None
    os.close(first)
    again = claim(active)
    assert again is not None
    os.close(again)
    active.unlink()
    assert claim(active) is None


def test_expired_segments_are_given_up_and_counted(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.write([call(1), call(2)])
    spool.seal()
    spool.write([call(3)])
    spool.seal()
    old, young = spool.sealed
    os.utime(old, (0, 0))
    assert expire(tmp_path / "spool", 7 * 24 * 3600) == {"expired": 2}
    assert (old.exists(), young.exists()) == (False, True)


def test_two_spools_of_one_process_never_share_a_file(tmp_path: Path) -> None:
    first, second = spool_in(tmp_path), spool_in(tmp_path)
    first.write([call(1)])
    second.write([call(2)])
    assert first.active_path != second.active_path


def test_state_of_a_directory(tmp_path: Path) -> None:
    empty = spool_state(tmp_path / "none")
    assert (empty.segments, empty.oldest_age_s, empty.writable) == (0, None, True)
    spool = spool_in(tmp_path)
    spool.write([call(1)])
    assert put_dead(tmp_path / "spool", "b1", [("bad field", call(2))])
    state = spool_state(tmp_path / "spool")
    assert (state.segments, state.dead_files) == (1, 1)
    assert state.oldest_age_s is not None
    assert not spool_state(unwritable(tmp_path)).writable


def test_status_notes(tmp_path: Path) -> None:
    put_status(tmp_path, {"calls": 3})
    (note,) = statuses(tmp_path)
    assert (note["calls"], note["pid"], note["alive"]) == (3, os.getpid(), True)
    remove_status(tmp_path)
    assert statuses(tmp_path) == []


def test_a_sender_that_takes_the_new_file_before_it_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Path] = []

    def late_lock(descriptor: int) -> bool:
        if not taken:
            (path,) = (tmp_path / "spool").iterdir()
            sender = claim(path)
            assert sender is not None
            path.unlink()
            os.close(sender)
            taken.append(path)
        return lock(descriptor)

    monkeypatch.setattr("llmobserve.spool.writer.lock", late_lock)
    spool = spool_in(tmp_path)
    spool.write([call(1)])
    (path,) = (tmp_path / "spool").iterdir()
    assert path not in taken
    assert records_of(path) == [call(1)]
    spool.close()


def test_directory_that_vanishes_while_room_is_short(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, directory_bytes=2000, free_bytes=0)
    spool.write([call(1)])
    shutil.rmtree(tmp_path / "spool")
    spool.write([call(2, size=5000)])
    assert spool.lost == {"spool_full": 1}
    spool.close()
