"""Example data: eight imagined applications over some months, made by rules and sent through the real ingest path."""

from llmobserve_server.demo.generate import generate

__all__ = ["generate"]
