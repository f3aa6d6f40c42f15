"""The collector's side: reads the topic and posts each batch to the collector.

An offset is committed after the collector has answered 2xx, that is after its own commit. What was posted and not yet
committed when the relay is killed is posted again by the next one, and the collector stores it once.
"""

import argparse
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from llmobserve.transport import Reply, TransportError
from llmobserve.transport.http import HttpTransport
from llmobserve.transport.outcome import Outcome, backoff_s, judge
from llmobserve_kafka.address import Topic, topic_of

__all__ = ["Relay", "main"]

_POLL_S = 1.0
_DEAD = ".dead"
_OF_CONNECTIONS = ("bootstrap.", "security.", "sasl.", "ssl.")
_log = logging.getLogger("llmobserve_kafka")


class Relay:
    """Brings one topic to one collector, until it is told to stop."""

    def __init__(self, topic: Topic, group: str, collector: HttpTransport) -> None:
        self._topic = topic
        self._collector = collector
        self._stopping = threading.Event()
        config: dict[str, Any] = {
            **topic.config,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
        self._consumer = Consumer(config)

    def stop(self, *_: object) -> None:
        """End after the batch that it is at."""
        self._stopping.set()

    def run(self) -> None:
        """Read and post. Raises KafkaException when the brokers refuse it for good."""
        self._consumer.subscribe([self._topic.name])
        try:
            while not self._stopping.is_set():
                message = self._consumer.poll(_POLL_S)
                if message is None:
                    continue
                error = message.error()
                if error is None:
                    self._bring(message)
                elif error.fatal():
                    raise KafkaException(error)
                else:
                    _log.warning("%s", error)
        finally:
            self._consumer.close()
            self._collector.close()

    def _bring(self, message: Message) -> None:
        """Post until the collector has taken it or never will; then commit."""
        failures = 0
        while not self._stopping.is_set():
            outcome = self._post(message)
            if outcome.verb == "done":
                self._commit(message)
                return
            if outcome.verb in {"dead", "split"}:
                self._bury(message, outcome.reason)
                self._commit(message)
                return
            failures += 1
            wait_s = backoff_s(failures) if outcome.wait_s is None else outcome.wait_s
            _log.warning("%s: again in %.1f s", outcome.reason, wait_s)
            self._wait(message, wait_s)

    def _post(self, message: Message) -> Outcome:
        try:
            body = _as_sent_now(message.value() or b"", message.timestamp()[1])
        except (ValueError, TypeError, KeyError):
            return judge(Reply(400, {}, b"the message is no batch"))
        try:
            return judge(self._collector.post(body))
        except TransportError as error:
            return Outcome("retry", str(error))

    def _wait(self, message: Message, wait_s: float) -> None:
        """Stay a member of the group without reading on."""
        until_s = time.monotonic() + wait_s
        while not self._stopping.is_set() and time.monotonic() < until_s:
            self._consumer.pause(self._consumer.assignment())
            early = self._consumer.poll(min(_POLL_S, max(0.0, until_s - time.monotonic())))
            if early is not None and early.error() is None:
                # Of a partition that was assigned meanwhile: it is read later.
                self._consumer.seek(TopicPartition(early.topic() or "", early.partition() or 0, early.offset() or 0))
        self._consumer.resume(self._consumer.assignment())

    def _commit(self, message: Message) -> None:
        try:
            self._consumer.commit(message=message, asynchronous=False)
        except KafkaException as error:
            # Another member has the partition by now, and posts the batch again.
            _log.warning("the offset was not committed: %s", error)

    def _bury(self, message: Message, reason: str) -> None:
        """Keep what the collector will never take. Raises KafkaException when that is not possible."""
        _log.error("a batch goes to %s%s: %s", self._topic.name, _DEAD, reason)
        # Not what the address says of consumers.
        config = {name: text for name, text in self._topic.config.items() if name.startswith(_OF_CONNECTIONS)}
        producer = Producer(config)
        producer.produce(self._topic.name + _DEAD, message.value(), headers={"reason": reason.encode()})
        if producer.flush(30):
            raise TimeoutError("the topic of dead letters did not take a batch; nothing is committed")


def _as_sent_now(body: bytes, queued_ms: int) -> bytes:
    """The batch, sent later by as long as it was in the topic: the collector takes the rest for the sender's clock."""
    batch = json.loads(body)
    waited_ms = max(0, time.time_ns() // 1_000_000 - queued_ms) if queued_ms > 0 else 0
    batch["sent_at_us"] += waited_ms * 1000
    return json.dumps(batch, ensure_ascii=False, separators=(",", ":")).encode()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; ends with status 0 after SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="llmobserve-kafka-relay", description=__doc__)
    parser.add_argument("address", nargs="?", default=os.environ.get("LLMOBSERVE_BACKEND"), help="kafka://BROKER/TOPIC")
    parser.add_argument("--collector-url", default=os.environ.get("LLMOBSERVE_COLLECTOR_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--group", default="llmobserve", help="consumer group; relays of one group share the topic")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        topic = topic_of(chosen.address or "")
    except ValueError as error:
        parser.error(f"give {error}")
    collector = HttpTransport(chosen.collector_url, os.environ.get("LLMOBSERVE_API_KEY") or None)
    relay = Relay(topic, chosen.group, collector)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, relay.stop)
    relay.run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
