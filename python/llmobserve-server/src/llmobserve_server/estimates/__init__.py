"""Tokens of calls whose answer stated no usage: better estimates than a sender can make."""

from llmobserve_server.estimates.estimator import Allowance, Estimator

__all__ = ["Allowance", "Estimator"]
