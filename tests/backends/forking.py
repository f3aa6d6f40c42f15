"""A program that calls before, between and after forks; run as `forking.py PROVIDER_URL LEDGER`."""

import multiprocessing
import os
import sys
import threading

import httpx2

import llmobserve

CHILDREN = 6
CALLS = 5


def call(url: str, ledger: int) -> None:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
    with httpx2.Client() as client:
        os.write(ledger, f"{client.post(f'{url}/v1/chat/completions', json=body).json()['id']}\n".encode())


def call_on(url: str, ledger: int, stop: threading.Event) -> None:
    """So that the sender's thread is at work at the moment of a fork."""
    while not stop.wait(0.01):
        call(url, ledger)


def child(url: str, ledger: int) -> None:
    for _ in range(CALLS):
        call(url, ledger)


def main() -> None:
    url, path = sys.argv[1:3]
    llmobserve.observe(flush_interval_ms=10)
    ledger = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    stop = threading.Event()
    busy = threading.Thread(target=call_on, args=(url, ledger, stop))
    busy.start()
    call(url, ledger)
    llmobserve.flush()
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=child, args=(url, ledger)) for _ in range(CHILDREN)]
    for process in children:
        process.start()
        call(url, ledger)
    for process in children:
        process.join(60)
        assert process.exitcode == 0, process.exitcode
    stop.set()
    busy.join()
    call(url, ledger)


if __name__ == "__main__":
    main()
