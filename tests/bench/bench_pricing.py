"""Time of one `price_call`, warm, beside the public libraries where they are installed.

python tests/bench/bench_pricing.py
"""

import importlib
import importlib.util
import os
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from types import SimpleNamespace

from llmobserve.pricing import PriceRequest, load_price_book, price_amount, price_call
from llmobserve.wire import Usage

CALLS = 20_000


def microseconds(work: Callable[[], object], calls: int) -> float:
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter_ns()
        for _ in range(calls):
            work()
        best = min(best, (time.perf_counter_ns() - start) / calls / 1000)
    return best


def report_sizes() -> None:
    """Bytes and reading time of the data files; a provider is read when it is first priced."""
    folder = resources.files("llmobserve.pricing").joinpath("data")
    sizes = {Path(str(file)).stem: len(file.read_bytes()) for file in folder.iterdir()}
    print(f"data files                             {sum(sizes.values()) / 1000:8.0f} kB in {len(sizes)} files")
    for name in sorted(load_price_book().providers, key=lambda one: -sizes[one])[:5]:
        tracemalloc.start()
        start = time.perf_counter_ns()
        load_price_book().read(name)
        took = (time.perf_counter_ns() - start) / 1e6
        memory = tracemalloc.get_traced_memory()[1] / 1000
        tracemalloc.stop()
        print(f"  {name:<20} {sizes[name] / 1000:8.0f} kB {took:8.1f} ms traced {memory:8.0f} kB of memory")


def main() -> None:
    usage = Usage(
        units={"input_text_tokens": 86, "cache_read_text_tokens": 1920, "output_text_tokens": 300}, source="response"
    )
    call = PriceRequest(
        provider="openai",
        operation="chat.completions",
        request_model="gpt-4o",
        response_model="gpt-4o-2024-08-06",
        usage=usage,
        dimensions={"service_tier": "default"},
        at_us=1_762_776_000_000_000,
    )
    start = time.perf_counter_ns()
    price_call(call)
    print(f"first call, reads the provider's file  {(time.perf_counter_ns() - start) / 1e6:8.1f} ms")
    print(f"price_call, three units, with receipt  {microseconds(lambda: price_call(call), CALLS):8.2f} us")
    print(f"price_amount, three units              {microseconds(lambda: price_amount(call), CALLS):8.2f} us")
    long = replace(call, response_model="gpt-6-sol")
    print(f"price_amount, two tiers                {microseconds(lambda: price_amount(long), CALLS):8.2f} us")
    report_sizes()
    if importlib.util.find_spec("genai_prices"):
        genai_prices = importlib.import_module("genai_prices")
        tokens = SimpleNamespace(input_tokens=2006, cache_read_tokens=1920, output_tokens=300)
        work = lambda: genai_prices.calc_price(tokens, "gpt-4o", provider_id="openai")  # noqa: E731
        print(f"genai-prices calc_price                {microseconds(work, 1000):8.2f} us")
    if importlib.util.find_spec("litellm"):
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        litellm = importlib.import_module("litellm")
        work = lambda: litellm.cost_per_token("gpt-4o", 2006, 300, cache_read_input_tokens=1920)  # noqa: E731
        print(f"litellm cost_per_token                 {microseconds(work, 1000):8.2f} us")


if __name__ == "__main__":
    main()
