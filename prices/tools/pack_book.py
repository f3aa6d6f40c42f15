"""Packs the compiled price book into one file, which a running collector can load.

    python prices/tools/pack_book.py [FILE]   default: llmobserve-prices-VERSION.json.gz here

The same prices give the same bytes. `llmobserve_server.pricing.book_file` reads and describes the format.
"""

import argparse
import gzip
import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from compile_book import compile_book, say


def pack(files: dict[str, str]) -> bytes:
    """The file, of what the compiler gives: file name → text."""
    version = json.loads(files["index.json"])["version"]
    parts = (
        f"{json.dumps(name.removesuffix('.json'))}:{text.rstrip()}"
        for name, text in files.items()
        if name != "index.json"
    )
    head = json.dumps({"format": "llmobserve-price-book", "schema": 1, "version": version}, separators=(",", ":"))
    return gzip.compress(f'{head[:-1]},"files":{{{",".join(parts)}}}}}\n'.encode(), 9, mtime=0)


def main() -> int:
    """Write the file and say its name and digest. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    options = parser.parse_args()
    files = compile_book()
    content = pack(files)
    path = options.file or Path(f"llmobserve-prices-{json.loads(files['index.json'])['version']}.json.gz")
    path.write_bytes(content)
    say(f"{path}  {len(content):,} bytes  sha256 {hashlib.sha256(content).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
