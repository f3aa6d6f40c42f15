"""Runs the benchmarks one after another, each in a process of its own: `./dev bench [NAME…]`."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SDK = HERE.parents[1] / "python" / "llmobserve" / "src"


def main(names: list[str]) -> int:
    """All of them, or those whose names are given. Returns 1 when one failed or is not there."""
    scripts = {path.stem.removeprefix("bench_"): path for path in sorted(HERE.glob("bench_*.py"))}
    unknown = [name for name in names if name not in scripts]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(scripts)}")
        return 1
    failed = [name for name in names or scripts if not _run(name, scripts[name])]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _run(name: str, script: Path) -> bool:
    print(f"\n── {name}", flush=True)
    python, env = sys.executable, dict(os.environ)
    if beside := os.environ.get(f"LLMOBSERVE_BENCH_{name.upper()}"):
        # Libraries to compare with live apart: some would hold others of this environment back.
        python, env["PYTHONPATH"] = beside, str(SDK)
    return subprocess.run([python, str(script)], check=False, env=env).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
