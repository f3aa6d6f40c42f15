"""What a user gets who installs the SDK alone: one pure package that needs nothing else."""

import json
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from wheels import Distributions

pytestmark = pytest.mark.packaging

MODULES = """
import json, sys
before = set(sys.modules)
import llmobserve
imported = sorted(set(sys.modules) - before)
llmobserve.observe, llmobserve.section
used = sorted(set(sys.modules) - before)
strangers = [name for name in used if name.partition(".")[0] not in {*sys.stdlib_module_names, "llmobserve"}]
print(json.dumps({"imported": imported, "used": used, "strangers": strangers}))
"""
MISSING = """
import re, llmobserve
for address in ("parquet:events", "postgresql://127.0.0.1/events"):
    try:
        llmobserve.observe(backend=address)
    except ValueError as error:
        print(re.search(r"pip install '(.+?)'", str(error))[1])
"""
EVERY_MODULE = """
import importlib, pkgutil, llmobserve
for found in pkgutil.walk_packages(llmobserve.__path__, "llmobserve."):
    if found.name != "llmobserve.pytest_plugin":  # which pytest itself loads
        importlib.import_module(found.name)
        print(found.name)
"""


def output(python: Path, *arguments: str) -> str:
    done = subprocess.run(
        [python, "-I", "-W", "error", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_metadata_asks_for_nothing(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.sdk_wheel) as wheel:
        names = wheel.namelist()
        metadata = wheel.read(next(name for name in names if name.endswith("METADATA"))).decode()
        tags = wheel.read(next(name for name in names if name.endswith("/WHEEL"))).decode()
    required = re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)
    assert sorted(required) == [
        "llmobserve-server==1.0.0; extra == 'server'",
        "psycopg[binary]>=3.2; extra == 'postgresql'",
        "pyarrow>=17; extra == 'parquet'",
    ]
    assert "Tag: py3-none-any" in tags
    assert "llmobserve/py.typed" in names
    assert not [name for name in names if "llmobserve_server" in name or "tests/" in name]


def test_works_alone_in_a_clean_environment(
    distributions: Distributions, clean_environment: Callable[..., Path]
) -> None:
    place = clean_environment(distributions.sdk_wheel)
    python = place / "bin" / "python"

    loaded = json.loads(output(python, "-c", MODULES))
    assert loaded["strangers"] == []
    # The package alone is a table of names: what is loaded with it decides the time its import takes.
    assert loaded["imported"] == ["llmobserve"]
    assert len(loaded["used"]) < 250

    modules = output(python, "-c", EVERY_MODULE).split()
    assert {"llmobserve.capture.engine", "llmobserve.transport.http", "llmobserve.cli.doctor"} <= set(modules)

    assert output(python, "-c", MISSING).split() == ["llmobserve[parquet]", "llmobserve[postgresql]"]

    command = place / "bin" / "llmobserve"
    assert subprocess.run([command, "--version"], capture_output=True, check=True).stdout == b"llmobserve 1.0.0\n"
    serve = subprocess.run([command, "serve"], capture_output=True, text=True, check=False)
    assert serve.returncode == 2
    assert "pip install 'llmobserve[server]==1.0.0'" in serve.stderr
