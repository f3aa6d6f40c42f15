"""A collector that is fed from a file of batches and says on its output which are acknowledged: made to be killed."""

import asyncio
import sys
from functools import partial
from pathlib import Path

from llmobserve_server.ingest import Ingestor
from llmobserve_server.ingest.entrance import Entrance, native_batch
from llmobserve_server.ingest.otlp.batch import trace_batch
from llmobserve_server.store.open import open_store

OTLP: Entrance = partial(trace_batch, encoding="protobuf")


async def feed(ingestor: Ingestor, bodies: list[Path]) -> None:
    gate = asyncio.Semaphore(4)

    async def one(path: Path) -> None:
        async with gate:
            entrance = OTLP if path.suffix == ".pb" else native_batch
            await ingestor.submit(path.read_bytes(), content_encoding=None, project_id="default", entrance=entrance)
        sys.stdout.write(f"{path.name}\n")
        sys.stdout.flush()

    async with asyncio.TaskGroup() as group:
        for path in bodies:
            group.create_task(one(path))


def main() -> None:
    url, folder = sys.argv[1:]
    store = open_store(url, memory_limit_bytes=256 * 1024**2)
    ingestor = Ingestor(store)
    ingestor.start()
    asyncio.run(feed(ingestor, sorted(Path(folder).iterdir())))
    ingestor.stop()
    store.close()


if __name__ == "__main__":
    main()
