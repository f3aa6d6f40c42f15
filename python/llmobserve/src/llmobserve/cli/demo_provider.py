"""`llmobserve demo-provider`: a provider on this machine that costs nothing, to try things with."""

import argparse
import sys
import threading
from collections.abc import Sequence

from llmobserve.demo_provider import DemoProvider

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Answer until interrupted; 1 when a port is taken."""
    parser = argparse.ArgumentParser(
        prog="llmobserve demo-provider",
        description="Answers as OpenAI and Anthropic do, on this machine and for nothing. A request that offers tools "
        "is answered by a call of each of them in turn, then by a text. A model named error-429 is answered with 429.",
    )
    parser.add_argument("--port", type=int, default=9100, help="of OpenAI's API; Anthropic's is on the next (9100)")
    parser.add_argument("--text", default="Hello there", help="what an answer says")
    given = parser.parse_args(arguments)
    try:
        provider = DemoProvider(openai_port=given.port, anthropic_port=given.port and given.port + 1, text=given.text)
    except OSError as error:
        print(f"cannot listen on port {given.port} or {given.port + 1}: {error.strerror}", file=sys.stderr)
        return 1
    with provider:
        print("# In the shell of your program:")
        for name, value in provider.environment().items():
            print(f"export {name}={value}")
        print("# Ctrl-C ends it.", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"\n{len(provider.ledger)} requests answered.")
    return 0
