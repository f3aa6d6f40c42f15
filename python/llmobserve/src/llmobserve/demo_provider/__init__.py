"""A provider on this machine that costs nothing: answers as OpenAI and Anthropic do, always with the same usage.

For the programs of the guide, for trying a framework without a key, and for tests. It thinks nothing: a request that
offers tools is answered by a call of each of them in turn, then by a text.
"""

from llmobserve.demo_provider.ledger import Entry
from llmobserve.demo_provider.server import DemoProvider

__all__ = ["DemoProvider", "Entry"]
