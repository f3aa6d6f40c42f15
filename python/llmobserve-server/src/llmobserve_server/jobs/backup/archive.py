"""The file of a backup: a tar archive, whose last member says what the others have to be."""

import hashlib
import json
import tarfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from llmobserve_server.errors import StoreError

__all__ = ["MANIFEST", "VERSION", "ArchiveWriter", "read_archive"]

MANIFEST = "manifest.json"
FORMAT = "llmobserve-backup"
VERSION = 1
"""Goes up when an earlier version could not restore the file."""
_CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_NO_DIGEST = "0" * 64


@dataclass(frozen=True, slots=True)
class ArchiveWriter:
    """An archive that is made while it is read.

    Args:
        folder: where the files are.
        names: their paths in it.
        facts: what the manifest says beside the files.
    """

    folder: Path
    names: Sequence[str]
    facts: dict[str, Any]

    def size_bytes(self) -> int:
        """Of the whole archive."""
        sizes = [(self.folder / name).stat().st_size for name in self.names]
        sizes.append(len(self._manifest(dict.fromkeys(self.names, _NO_DIGEST))))
        return sum(_BLOCK + _padded(size) for size in sizes) + 2 * _BLOCK

    def chunks(self) -> Generator[bytes]:
        """The bytes of the archive. Raises OSError."""
        digests: dict[str, str] = {}
        for name in self.names:
            file = self.folder / name
            digest, size = hashlib.sha256(), file.stat().st_size
            yield _header(name, size)
            with file.open("rb") as opened:
                while chunk := opened.read(_CHUNK):
                    digest.update(chunk)
                    yield chunk
            yield bytes(_padded(size) - size)
            digests[name] = digest.hexdigest()
        manifest = self._manifest(digests)
        yield _header(MANIFEST, len(manifest)) + manifest + bytes(_padded(len(manifest)) - len(manifest))
        yield bytes(2 * _BLOCK)

    def _manifest(self, digests: dict[str, str]) -> bytes:
        files = {
            name: {"bytes": (self.folder / name).stat().st_size, "sha256": digest} for name, digest in digests.items()
        }
        return json.dumps({"format": FORMAT, "version": VERSION, **self.facts, "files": files}, indent=2).encode()


def read_archive(file: Path, folder: Path) -> dict[str, Any]:
    """Unpack an archive into an empty folder; its manifest.

    Raises StoreError when it is no backup, is cut off or damaged, or a newer version has written it.
    """
    digests: dict[str, str] = {}
    manifest: dict[str, Any] = {}
    try:
        with tarfile.open(file, "r:") as archive:
            for member in archive:
                opened = archive.extractfile(member)
                if opened is None or not _is_ours(member.name):
                    raise StoreError(f"{file} is no backup: it has a member {member.name!r}.")
                if member.name == MANIFEST:
                    manifest = json.loads(opened.read())
                    continue
                target = folder / member.name
                target.parent.mkdir(exist_ok=True, mode=0o700)
                digest = hashlib.sha256()
                with target.open("xb") as written:
                    while chunk := opened.read(_CHUNK):
                        digest.update(chunk)
                        written.write(chunk)
                digests[member.name] = digest.hexdigest()
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise StoreError(f"{file} is no complete backup: {error}") from error
    if manifest.get("format") != FORMAT:
        raise StoreError(f"{file} is no complete backup: it has no {MANIFEST}.")
    if manifest["version"] > VERSION:
        raise StoreError(
            f"{file} was written by {manifest.get('written_by')}. Upgrade llmobserve-server to restore it."
        )
    said = {name: facts["sha256"] for name, facts in manifest["files"].items()}
    if said != digests:
        raise StoreError(f"{file} is damaged: {', '.join(sorted(_unequal(said, digests)))} is not what was written.")
    return manifest


def _unequal(said: dict[str, str], found: dict[str, str]) -> set[str]:
    return {name for name in {*said, *found} if said.get(name) != found.get(name)}


def _is_ours(name: str) -> bool:
    """A plain name, or one in the folder of price books: nothing is written elsewhere, whatever a file says."""
    parts = PurePosixPath(name).parts
    return bool(parts) and ".." not in parts and (len(parts) == 1 or (len(parts) == 2 and parts[0] == "prices"))


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member.tobuf(tarfile.GNU_FORMAT)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
