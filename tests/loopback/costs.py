"""What a recorded call costs by the price book, in a form that is quick to compare."""

from decimal import Decimal

from llmobserve.pricing import price_event
from llmobserve.wire import CallEvent

__all__ = ["cost", "units"]


def cost(call: CallEvent) -> tuple[str, Decimal | None]:
    """State and amount."""
    found = price_event(call)
    return found.state, None if found.usd is None else found.usd.normalize()


def units(call: CallEvent) -> dict[str, str]:
    """Quantities as text."""
    return {name: str(number) for name, number in call.usage.units.items()}
