"""Decisions in OpenAI's shape: a model answers questions by probabilities, and its tokens are billed."""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Reading
from llmobserve.providers.openai_shape.reader import ShapeReader
from llmobserve.providers.prompt_text import prompt_text
from llmobserve.providers.quantities import estimated_usage

__all__ = ["DecisionReader"]

_ASKED = ("input", "instructions", "questions")


class DecisionReader(ShapeReader):
    """Reads an answer to questions."""

    _answers: Any = None

    def take(self, body: Mapping[str, Any]) -> None:
        """Take the answer."""
        self.take_identity(body)
        self._answers = body.get("answers")

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far; without usage the tokens of the questions are estimated."""
        out = self.base_reading()
        if self.want_content:
            out.input = {key: self.asked[key] for key in _ASKED if key in self.asked} or None
            out.output = self._answers
        if self.failed:
            return out
        usage = self.stated_usage()
        if usage is None or not usage.units:
            usage = estimated_usage(prompt_text(self.asked, _ASKED), None, partial=ended_early)
        out.usage = usage
        return out
