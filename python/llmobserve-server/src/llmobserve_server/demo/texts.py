"""Plausible words for the example data: what was asked and answered, by application."""

from llmobserve_server.demo.dice import Dice

__all__ = ["SYSTEM", "exchange"]

SYSTEM = {
    "support-bot": "You answer questions of customers of an online shop for outdoor gear. Be short and exact. "
    "Never promise a refund without checking the order first.",
    "rag-search": "Answer from the passages only. Name the passages that you used. Say so when they do not answer.",
    "research-agent": "You are a careful researcher. Collect facts with their sources and mark what is uncertain.",
    "coding-agent": "You work in a repository with the tools bash and edit. Run the tests before you call it done.",
    "sales-mail": "Write a first e-mail to a possible customer: at most 120 words, one clear question, no flattery.",
    "voice-notes": "Summarise the dictated note in three bullet points and list the tasks with their dates.",
    "doc-extraction": "Read the invoice and return number, date, total, currency and lines as JSON.",
    "data-analyst": "You answer questions about sales data with SQL. State the query and the limits of the answer.",
}

_PAIRS = {
    "support-bot": (
        (
            "My tent arrived without pegs. Order 48213.",
            "I am sorry about that. I see 12 pegs on order 48213 that were "
            "not packed; a replacement set leaves our warehouse today and reaches you on Thursday.",
        ),
        (
            "Can I change the delivery address?",
            "Yes, as long as the parcel has not left. Yours leaves tomorrow at 9:00: please send me the new address.",
        ),
        (
            "How do I wash the down jacket?",
            "At 30 °C with down detergent, then in the dryer at low heat with two tennis "
            "balls until no lumps are left, about three hours.",
        ),
        (
            "Wo bleibt meine Rückzahlung?",
            "Ihre Rückzahlung über 64,90 € haben wir am 12. veranlasst; je nach Bank dauert "
            "sie noch zwei bis drei Werktage.",
        ),
        (
            "The discount code SUMMIT10 does not work",
            "SUMMIT10 is valid from 50 euros. Your basket holds 43.80: with "
            "the gas cartridge you looked at it would be enough.",
        ),
    ),
    "rag-search": (
        (
            "What is the notice period in the frame contract?",
            "Three months to the end of a quarter [2, §9.1]; in the first year the contract cannot be ended [2, §9.3].",
        ),
        (
            "Which pumps are certified for drinking water?",
            "The series P2 and P4 [1]; the passages do not say whether P7 is certified.",
        ),
        (
            "how to reset the sensor after power loss",
            "Hold the service key for eight seconds until the light blinks twice, then wait one minute [3].",
        ),
    ),
    "research-agent": (
        (
            "How large is the market for heat-pump service contracts in Austria?",
            "Two sources give figures for last year, "
            "and they differ by a factor of 1.6 because one counts installers' own guarantees. Both are listed below.",
        ),
        (
            "Compare three approaches to returnable packaging",
            "Deposit, subscription and pay-per-trip differ mostly in who "
            "carries the loss. The table lists loss rates with their sources; the third one rests on a single pilot.",
        ),
    ),
    "coding-agent": (
        (
            "test_cart_total fails since the tax change",
            "The rounding happened per line before and on the total now. I "
            "moved it back to the line and added a case with three lines of 0.333; all 214 tests pass.",
        ),
        (
            "Add --dry-run to the import command",
            "Done: the command reads and validates every row, prints what it would "
            "change and exits 0. Two tests cover an empty file and a bad row.",
        ),
        (
            "The nightly job leaks file handles",
            "The reader was never closed when the header was wrong. A with-block "
            "closes it now, and a test counts open handles.",
        ),
    ),
    "sales-mail": (
        (
            "Prospect: bicycle wholesaler, 40 staff, uses spreadsheets for stock",
            "Subject: Stock counts on Monday "
            "mornings\n\nHello, many wholesalers spend Monday morning on comparing stock lists. Would it help "
            "to see how two of them cut that to ten minutes?",
        ),
        (
            "Prospect: chain of dental labs",
            "Subject: Sending cases between labs\n\nHello, when a case moves from one of "
            "your labs to another, how do the notes travel today?",
        ),
    ),
    "voice-notes": (
        (
            "so the meeting with the roofers moved to friday ten o'clock and remind me to bring the samples",
            "- Meeting with the roofers moved to Friday 10:00\n- Bring samples\nTasks: pack the samples (Thursday)",
        ),
        (
            "customer wants the blue version after all and asked whether we can deliver before easter",
            "- Customer now wants the blue version\n- Asks for delivery before Easter\nTasks: ask the warehouse",
        ),
    ),
    "doc-extraction": (
        (
            "[invoice, 2 pages]",
            '{"number": "2026-1187", "date": "2026-10-02", "currency": "EUR", "total": "1840.55", "lines": 7}',
        ),
        ("[delivery note, 1 page]", '{"number": "LS-40921", "date": "2026-10-05", "lines": 3}'),
    ),
    "data-analyst": (
        (
            "Which region lost the most revenue compared with last year?",
            "The north, by 8.4 %. More than half of it is one "
            "customer who left in March; without it the decline is 3.1 %.",
        ),
        (
            "Show returns by product group for Q3",
            "Shoes 14.2 %, jackets 9.8 %, tents 4.1 %. Orders of the last two weeks "
            "may still be returned, so the figures will rise a little.",
        ),
    ),
}


def exchange(dice: Dice, app: str) -> tuple[str, str]:
    """A question and its answer, as the users of the application would have written them."""
    return dice.pick(_PAIRS[app])
