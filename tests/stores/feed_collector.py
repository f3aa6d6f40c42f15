"""A collector that is fed from files of batches, again and again until each is acknowledged, and says which are.

Made to be killed, and to have its store taken away.
"""

import asyncio
import random
import sys
from pathlib import Path

from llmobserve_server.errors import StoreError
from llmobserve_server.ingest import Ingestor
from llmobserve_server.store.open import open_store

_AT_ONCE = 4
_BETWEEN_TRIES_S = 0.05


async def feed(ingestor: Ingestor, bodies: list[Path]) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(path: Path) -> None:
        async with gate:
            while True:
                try:
                    await ingestor.submit(path.read_bytes(), content_encoding=None, project_id="default")
                    break
                except StoreError:
                    await asyncio.sleep(_BETWEEN_TRIES_S)
        sys.stdout.write(f"{path.name}\n")
        sys.stdout.flush()

    async with asyncio.TaskGroup() as group:
        for path in bodies:
            group.create_task(one(path))


def main() -> None:
    url, folder, seed = sys.argv[1:]
    bodies = sorted(Path(folder).iterdir())
    random.Random(seed).shuffle(bodies)
    store = open_store(url)
    ingestor = Ingestor(store)
    ingestor.start()
    asyncio.run(feed(ingestor, bodies))
    ingestor.stop()
    store.close()


if __name__ == "__main__":
    main()
