"""Four threads that call a provider without end, to be killed; run as `calling_threads.py PROVIDER_URL LEDGER`.

The id of each answer is noted in the ledger after the call has returned.
"""

import os
import sys
import threading

import httpx2

import llmobserve

THREADS = 4


def call_on(url: str, ledger: int, number: int) -> None:
    with httpx2.Client() as client, llmobserve.run(f"thread {number}"), llmobserve.section("agent:caller"):
        while True:
            body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
            answer = client.post(f"{url}/v1/chat/completions", json=body)
            os.write(ledger, f"{answer.json()['id']}\n".encode())


def main() -> None:
    url, path = sys.argv[1:3]
    llmobserve.observe(capture_content=True, flush_interval_ms=50)
    ledger = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    threads = [threading.Thread(target=call_on, args=(url, ledger, number)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
