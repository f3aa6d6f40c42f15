"""Twilio: text messages, calls and verifications, keyed by their sid, and facts about numbers.

The price is null when a message or call is made and a negative amount when it is looked up later: until then it is
estimated from segments or minutes (https://www.twilio.com/docs/messaging/api/message-resource, read 2026-11-21).
"""

from decimal import Decimal

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, joined, text_or_none, whole_text
from llmobserve.wire import Quantity, Usage

__all__ = ["PROVIDER", "segments"]

_GSM = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    " \n\r!\"#$%&'()*+,-./:;<=>?@_¡¤£¥§¿ÄÅÆÇÉÑÖØÜßàäåæèéìñòöøùüΓΔΘΛΞΠΣΦΨΩ"
)
_GSM_TWICE = frozenset("^{}\\[~]|€\f")
_FAILED = frozenset({"failed", "undelivered", "canceled", "busy", "no-answer"})


def segments(text: str) -> int:
    """Segments of a text message: 160 characters of the GSM alphabet or 70 others, 153 and 67 when split."""
    if all(character in _GSM or character in _GSM_TWICE for character in text):
        length, alone, split = len(text) + sum(c in _GSM_TWICE for c in text), 160, 153
    else:
        length, alone, split = len(text.encode("utf-16-le", "surrogatepass")) // 2, 70, 67
    return 1 if length <= alone else -(-length // split)


class _ChargeReader(CallReader):
    """Reads sid and final price."""

    def final_price(self) -> Decimal | None:
        """What was charged in US dollars; `None` while it is not known."""
        text = self.body.get("price")
        if not isinstance(text, str) or str(self.body.get("price_unit", "USD")).upper() != "USD":
            return None
        return self.counters.fraction({"price": text.removeprefix("-")}, "price")

    def take_charge(self, out: Reading, units: dict[str, Quantity]) -> None:
        """Put in the units, with the final price where it is known."""
        out.remote_id = text_or_none(self.body.get("sid"))
        out.reported_cost_usd = self.final_price()
        out.usage = self.usage(units, "estimated" if out.reported_cost_usd is None else "response")
        out.revision = 0 if out.reported_cost_usd is None else 1
        state = text_or_none(self.body.get("status"))
        if state in _FAILED:
            out.error_type = state
            out.error_message = text_or_none(self.body.get("error_message"))


class MessageReader(_ChargeReader):
    """Reads a message that is sent or looked up."""

    def identify(self, out: Reading) -> None:
        """The kind of message and where it goes decide the price."""
        target = text_or_none(self.body.get("to")) or text_or_none(self.asked.get("To")) or ""
        media = whole_text(self.body.get("num_media")) or "MediaUrl" in self.asked
        kind = "mms" if media else "sms"
        if ":" in target:
            out.request_model = target.partition(":")[0]
        else:
            out.request_model = f"{kind}-us" if target.startswith("+1") else kind

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Segments, worked out from the text while Twilio has not counted them."""
        text = self.body.get("body") if isinstance(self.body.get("body"), str) else self.asked.get("Body")
        count = whole_text(self.body.get("num_segments")) or (segments(text) if isinstance(text, str) else 1)
        single = (out.request_model or "").startswith("sms")
        self.take_charge(out, {"message_segments": count} if single else {"messages": 1})
        is_lookup = self.request.method == "GET"
        is_inbound = str(self.body.get("direction", "")).startswith("inbound")
        out.pending = out.remote_id is None or (is_lookup and out.reported_cost_usd is None) or is_inbound


class PhoneCallReader(_ChargeReader):
    """Reads a phone call, which is charged by the started minute once it is over."""

    def identify(self, out: Reading) -> None:
        """Where the call goes decides the price."""
        target = text_or_none(self.body.get("to")) or text_or_none(self.asked.get("To")) or ""
        out.request_model = "voice-us" if target.startswith("+1") else "voice"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Length, once it is known; nothing of a call that was not answered.

        The order of a call is recorded too: whoever is told by webhook never looks it up.
        """
        state = text_or_none(self.body.get("status"))
        seconds = whole_text(self.body.get("duration"))
        is_over = state == "completed" or state in _FAILED
        self.take_charge(out, {"input_seconds": seconds} if is_over and seconds is not None else {})
        if state in _FAILED:
            out.usage = Usage(units={"input_seconds": 0}, source="response")
        out.revision = 0 if not is_over else 1 if out.reported_cost_usd is None else 2
        out.pending = out.remote_id is None or (self.request.method == "GET" and not is_over)


class LookupReader(CallReader):
    """Reads facts about a telephone number: formatting is free, each package of facts costs."""

    def identify(self, out: Reading) -> None:
        """The packages are parameters of the address."""
        asked = self.request.query.get("Fields") or self.request.query.get("Type")
        out.request_model = "lookup" if asked else "lookup-basic"
        if asked:
            out.dimensions["fields"] = joined(asked.lower().split(",")) or asked

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """One number."""
        out.usage = Usage(units={"requests": 1}, source="request")


class VerificationReader(CallReader):
    """Reads the check of a verification code, which is charged when it succeeds."""

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """One verification."""
        out.request_model = "verification"
        out.remote_id = text_or_none(self.body.get("sid"))
        out.pending = out.remote_id is None or self.body.get("status") != "approved"
        out.usage = Usage(units={"requests": 1}, source="response")


_ACCOUNT = r"/2010-04-01/Accounts/[^/]+"

PROVIDER = Provider(
    name="twilio",
    endpoints=(
        Endpoint(
            operation="messages",
            kind="message",
            methods=("POST",),
            path=LazyPattern(_ACCOUNT + r"/Messages\.json"),
            reader=MessageReader,
        ),
        Endpoint(
            operation="messages",
            kind="message",
            methods=("GET",),
            path=LazyPattern(_ACCOUNT + r"/Messages/(?P<sid>[^/]+)\.json"),
            reader=MessageReader,
        ),
        Endpoint(
            operation="calls",
            kind="message",
            methods=("GET",),
            path=LazyPattern(_ACCOUNT + r"/Calls/(?P<sid>[^/]+)\.json"),
            reader=PhoneCallReader,
        ),
        Endpoint(
            operation="calls",
            kind="message",
            methods=("POST",),
            path=LazyPattern(_ACCOUNT + r"/Calls\.json"),
            reader=PhoneCallReader,
        ),
        Endpoint(
            operation="lookups",
            kind="other",
            methods=("GET",),
            path=LazyPattern(r"/v[12]/PhoneNumbers/(?P<number>[^/]+)"),
            reader=LookupReader,
        ),
        Endpoint(
            operation="verification_check",
            kind="message",
            methods=("POST",),
            path=LazyPattern(r"/v2/Services/[^/]+/VerificationCheck"),
            reader=VerificationReader,
        ),
    ),
    request_id_headers=("twilio-request-id",),
)
