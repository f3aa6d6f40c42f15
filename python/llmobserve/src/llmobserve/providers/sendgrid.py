"""SendGrid: e-mails, one for each recipient.

The answer is empty; the recipients are counted in the request
(https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send, read 2026-11-21).
"""

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items
from llmobserve.providers.quantities import as_mapping

__all__ = ["PROVIDER"]


class MailReader(CallReader):
    """Reads a mail. Neither recipients nor text are ever kept."""

    def identify(self, out: Reading) -> None:
        """Mails in sandbox mode are checked and not sent."""
        sandbox = as_mapping(as_mapping(self.asked.get("mail_settings")).get("sandbox_mode"))
        out.request_model = "sandbox" if sandbox.get("enable") is True else "mail"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Recipients of any kind."""
        count = sum(
            len(as_items(as_mapping(person).get(kind)))
            for person in as_items(self.asked.get("personalizations"))
            for kind in ("to", "cc", "bcc")
        )
        out.usage = self.usage({"emails": count} if count else {}, "request")
        out.response_id = self.headers.get("x-message-id")


PROVIDER = Provider(
    name="sendgrid",
    endpoints=(
        Endpoint(
            operation="mail.send",
            kind="message",
            methods=("POST",),
            path=LazyPattern(r"/v3/mail/send"),
            reader=MailReader,
        ),
    ),
    request_id_headers=("x-message-id",),
)
