"""Prices stored calls again with the price book and the rules of now; what was said before is kept."""

from llmobserve_server.jobs.reprice.runner import Repricings

__all__ = ["Repricings"]
