"""Brings what is spooled to the collector.

Names are loaded when first used: only the sender's thread needs most of them.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmobserve.transport.base import Reply, Transport, TransportError
    from llmobserve.transport.memory import MemoryTransport
    from llmobserve.transport.sender import Sender, SenderState
    from llmobserve.transport.worker import Worker

__all__ = ["MemoryTransport", "Reply", "Sender", "SenderState", "Transport", "TransportError", "Worker"]

_HOMES = {
    "MemoryTransport": "memory",
    "Reply": "base",
    "Sender": "sender",
    "SenderState": "sender",
    "Transport": "base",
    "TransportError": "base",
    "Worker": "worker",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
