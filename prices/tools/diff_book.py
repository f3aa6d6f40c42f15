"""Shows what the price files here say otherwise than those of a commit, rate by rate with percent.

    python prices/tools/diff_book.py [COMMIT] [--all]   default: HEAD

Compiles the files as they are, so that a change can be read before it is committed, packed or loaded.
"""

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import time
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from compile_book import TARGET, compile_book, say
from pack_book import pack
from price_yaml import PRICES

from llmobserve.pricing import PriceBook
from llmobserve_server.cli.prices import report
from llmobserve_server.query.book_diff import diff_books


def book_of(files: dict[str, str]) -> PriceBook:
    """The compiled files (name → text) as a price book."""
    index = json.loads(files["index.json"])
    return PriceBook(index["version"], frozenset(index["providers"]), partial(_read, files))


def _read(files: dict[str, str], name: str) -> dict[str, Any]:
    return json.loads(files[f"{name}.json"])


def committed(commit: str) -> dict[str, str]:
    """The compiled files of a commit."""
    root = PRICES.parent
    command = ["git", "archive", "--format=tar", commit, str(TARGET.relative_to(root))]
    archive = subprocess.run(command, cwd=root, capture_output=True, check=False)
    if archive.returncode:
        raise SystemExit(archive.stderr.decode().strip())
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        found = {Path(one.name).name: files.extractfile(one) for one in files if one.isfile()}
        return {name: file.read().decode() for name, file in found.items() if file is not None}


def main() -> int:
    """Print the differences. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", nargs="?", default="HEAD")
    parser.add_argument("--all", action="store_true", help="every difference, not only the first 200")
    options = parser.parse_args()
    files = compile_book()
    sha256 = hashlib.sha256(pack(files)).hexdigest()
    now_us = time.time_ns() // 1000
    told = diff_books(book_of(committed(options.commit)), book_of(files), sha256=sha256, taken=False, at_us=now_us)
    say(report(told.model_dump(mode="json"), everything=options.all))
    return 0


if __name__ == "__main__":
    sys.exit(main())
