"""When no more can be written, senders come back later, reads go on, and space heals it without a restart (D01)."""

import random
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from server.batches import batch, call, collector, content

from llmobserve_server.errors import StoreError
from llmobserve_server.store.tables import contents, events

resource = pytest.importorskip("resource")
MB = 1024 * 1024


@contextmanager
def largest_file(size_bytes: int) -> Generator[None]:
    """Writes beyond the size fail with an error of the operating system, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_refuses_loses_nothing_and_heals(tmp_path: Path) -> None:
    dice = random.Random(1)

    def body(number: int) -> bytes:
        said = [content(f"{number}-{part}", input=dice.randbytes(4000).hex()) for part in range(20)]
        return batch(call(event_id=f"c{number:04}"), *said)

    with collector(tmp_path) as server:
        acknowledged = 0
        with largest_file(4 * MB):
            with pytest.raises(StoreError, match="did not take the batch") as caught:
                for number in range(200):
                    server.post(body(number))
                    acknowledged += 1
            assert caught.value.status == 503
            with pytest.raises(StoreError):
                server.post(body(acknowledged))
            assert len(server.rows(events)) == acknowledged > 0
        assert server.post(body(acknowledged)).accepted == 21
        assert server.post(body(acknowledged + 1)).accepted == 21
    with collector(tmp_path) as again:
        assert len(again.rows(events)) == acknowledged + 2
        assert len(again.rows(contents)) == (acknowledged + 2) * 20
