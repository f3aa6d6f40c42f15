"""Stands in for the program of the Claude Agent SDK: speaks its stream of JSON lines and answers turns as told.

Started by the SDK with the messages of each turn in the environment, as JSON in `AGENT_TURNS`.
"""

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

__all__ = ["program"]


def program(directory: Path) -> Path:
    """An executable that runs this module."""
    path = directory / "claude"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def main() -> None:
    if "-v" in sys.argv:
        print("2.1.150 (Claude Code)")
        return
    turns: list[list[dict[str, Any]]] = json.loads(os.environ["AGENT_TURNS"])
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "control_request":
            answer = {"subtype": "success", "request_id": message["request_id"], "response": {}}
            _say({"type": "control_response", "response": answer})
        elif message["type"] == "user":
            for said in turns.pop(0):
                _say(said)


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
