"""Six other observers of the OpenAI client beside ours, in their own environment: one event a call in every order."""

import sys
from pathlib import Path

import pytest
from sdk.neighbours import NEEDS
from sdk.test_neighbours import run, six_orders
from wheels import Distributions, uv

pytestmark = pytest.mark.packaging

PACKAGES = (
    "openai==3.52.0",
    "opentelemetry-sdk==1.45.2",
    "openinference-instrumentation-openai==0.1.66",
    "opentelemetry-instrumentation-openai==0.62.4",
    "langfuse==5.0.4",
    "sentry-sdk==2.75.0",
    "ddtrace==4.16.0",
    "logfire==5.2.0",
)


def test_in_six_orders(distributions: Distributions, tmp_path: Path) -> None:
    place = tmp_path / "observers"
    uv("venv", "--quiet", "--python", sys.executable, place)
    python = place / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", python, distributions.sdk_wheel, *PACKAGES)
    orders = six_orders(list(NEEDS))
    # Only we are taken off: ddtrace 4.16 leaves wrappers that fail when others put them back, with and without us.
    together = run([(order, ["ours"]) for order in orders], str(python))
    alone = run([([name for name in order if name != "ours"], []) for order in orders], str(python))
    for with_us, without_us in zip(together, alone, strict=True):
        counts = with_us["counts"]
        assert counts.pop("ours") == with_us["calls"] == 6
        assert counts == without_us["counts"]
        assert with_us["removed"] == [["ours", 0]]
