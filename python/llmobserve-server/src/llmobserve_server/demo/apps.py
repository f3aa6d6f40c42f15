"""What each imagined application does in one run: its agents, tools and calls."""

from collections.abc import Callable

from llmobserve_server.demo.dice import Dice
from llmobserve_server.demo.tape import Failure, Talk, Tape
from llmobserve_server.demo.world import MODELS, Model

__all__ = ["PLAYS", "RUN_NAMES", "TRUNK"]

RUN_NAMES = {
    "rag-search": ("search",),
    "support-bot": ("answer-ticket",),
    "sales-mail": ("draft-mail", "follow-up"),
    "voice-notes": ("summarise-note",),
    "doc-extraction": ("extract-invoice",),
    "data-analyst": ("ask-data", "monthly-report"),
    "coding-agent": ("fix-issue", "review-change"),
    "research-agent": ("research",),
}
TRUNK = 1_200
"""Tokens of the system prompt and tool descriptions that an agent sends with every call."""


def _chat(tape: Tape, model: Model, talk: Talk) -> None:
    tape.talk(model, "messages" if model.provider == "anthropic" else "chat.completions", talk)


def _tokens(dice: Dice, median: float, spread: float = 0.45) -> int:
    return max(1, int(dice.around(median, spread)))


def _tool_failure(tape: Tape, share: float, error_type: str, message: str) -> None:
    if tape.dice.chance(share):
        raise Failure(error_type, message)


def rag_search(tape: Tape, migrated: bool) -> None:
    """Question → vector → passages → answer."""
    dice = tape.dice
    with tape.section("retriever", "passages", top_k=8):
        tape.embed(MODELS["text-embedding-3-small"], _tokens(dice, 22))
        tape.wait(dice.around(35))
    if dice.chance(0.4):
        with tape.section("step", "rerank"):
            _chat(tape, MODELS["gpt-5-nano"], Talk(fresh=_tokens(dice, 2400), output=_tokens(dice, 40)))
    model = MODELS["gpt-5-nano"] if migrated and dice.chance(0.7) else MODELS["gpt-4o-mini"]
    if dice.chance(0.02):
        model = MODELS["house-tuned-13b"]
    cached = 1024 if dice.chance(0.35) else 0
    with tape.section("step", "answer"):
        _chat(tape, model, Talk(fresh=_tokens(dice, 1900), cached=cached, output=_tokens(dice, 210), stream=True))


def support_bot(tape: Tape, migrated: bool) -> None:
    """Triage, then an agent that looks things up and answers; the second and later calls read the prompt cache."""
    dice = tape.dice
    main = MODELS["claude-sonnet-5-5"] if migrated else MODELS["gpt-4o-mini"]
    with tape.section("step", "triage"):
        _chat(tape, MODELS["claude-haiku-4-5-20251001"], Talk(fresh=_tokens(dice, 420), output=_tokens(dice, 25)))
    with tape.section("agent", "support"):
        history = _tokens(dice, 700)
        for turn in range(dice.whole(1, 3)):
            tool = dice.pick(("search_help", "lookup_order", "check_stock"), (5, 4, 1))
            with tape.section("tool", tool):
                if tool == "search_help":
                    tape.embed(MODELS["text-embedding-3-small"], _tokens(dice, 18))
                tape.wait(dice.around(80, 0.7))
                _tool_failure(tape, 0.006, "OrderServiceTimeout", "order service did not answer within 5 s")
            written = TRUNK if main.provider == "anthropic" and turn == 0 and dice.chance(0.25) else 0
            cached = 0 if written else TRUNK + 128 * (history // 256)
            talk = Talk(fresh=history, cached=cached, written=written, output=_tokens(dice, 160), stream=True)
            _chat(tape, main, talk)
            history += _tokens(dice, 260)


def sales_mail(tape: Tape, migrated: bool) -> None:
    """Facts about a prospect, a draft, sometimes a second one."""
    dice = tape.dice
    del migrated
    with tape.section("agent", "mail-writer"):
        with tape.section("tool", "crm_lookup"):
            tape.wait(dice.around(120))
        model = MODELS["gpt-4o-mini-eu"]
        _chat(tape, model, Talk(fresh=_tokens(dice, 900), output=_tokens(dice, 240)))
        if dice.chance(0.4):
            with tape.section("guardrail", "tone-check"):
                _chat(tape, MODELS["gpt-5-nano"], Talk(fresh=_tokens(dice, 380), output=_tokens(dice, 12)))
            _chat(tape, model, Talk(fresh=_tokens(dice, 1200), output=_tokens(dice, 230)))


def voice_notes(tape: Tape, migrated: bool) -> None:
    """Recording → text → summary."""
    dice = tape.dice
    del migrated
    with tape.section("step", "transcribe"):
        tape.transcribe(MODELS["gpt-4o-mini-transcribe"], dice.around(70, 0.7))
    with tape.section("step", "summarise"):
        _chat(tape, MODELS["gpt-5-nano"], Talk(fresh=_tokens(dice, 420), output=_tokens(dice, 110)))


def doc_extraction(tape: Tape, migrated: bool) -> None:
    """Pages of a document, most of them in the cheaper batch tier."""
    dice = tape.dice
    del migrated
    batch = {"batch": "true"} if dice.chance(0.6) else {}
    with tape.section("workflow", "extract"):
        for page in range(1, dice.whole(1, 5) + 1):
            with tape.section("step", "read-page", page=page):
                talk = Talk(fresh=_tokens(dice, 2600, 0.25), output=_tokens(dice, 330), dimensions=batch)
                _chat(tape, MODELS["gpt-4o-mini"], talk)
                _tool_failure(tape, 0.008, "ValueError", "total of the lines differs from the total of the invoice")


def data_analyst(tape: Tape, migrated: bool) -> None:
    """Plan, queries, sometimes the provider's code interpreter, then an answer."""
    dice = tape.dice
    del migrated
    with tape.section("agent", "analyst"):
        with tape.section("step", "plan"):
            reasoning = _tokens(dice, 900)
            talk = Talk(fresh=_tokens(dice, 1800), output=reasoning + _tokens(dice, 260), reasoning=reasoning)
            _chat(tape, MODELS["o4-mini"], talk)
        context = 2200
        for _ in range(dice.whole(2, 5)):
            with tape.section("tool", "run_sql"):
                tape.wait(dice.around(600, 0.9))
                _tool_failure(tape, 0.012, "SqlError", 'column "revenue_net" does not exist')
            talk = Talk(fresh=_tokens(dice, 600), cached=context // 128 * 128, output=_tokens(dice, 180))
            _chat(tape, MODELS["gpt-6-sol"], talk)
            context += _tokens(dice, 900)
        if dice.chance(0.3):
            talk = Talk(
                fresh=_tokens(dice, 1500), output=_tokens(dice, 500), extra_units={"code_interpreter_sessions": 1}
            )
            tape.talk(MODELS["gpt-6-sol"], "responses", talk)
        with tape.section("step", "explain"):
            _chat(
                tape,
                MODELS["gpt-6-sol"],
                Talk(fresh=_tokens(dice, 900), cached=2048, output=_tokens(dice, 420), stream=True),
            )


def coding_agent(tape: Tape, migrated: bool) -> None:
    """A loop of edits and test runs: the context grows and nearly all of it is read from the cache."""
    dice = tape.dice
    del migrated
    model = MODELS["claude-opus-5-5"] if dice.chance(0.15) else MODELS["claude-sonnet-5-5"]
    steps = dice.whole(120, 170) if dice.chance(0.04) else _tokens(dice, 14, 0.5)
    with tape.section("agent", "coder"):
        context = 28_000
        for step in range(steps):
            new = _tokens(dice, 1400, 0.6)
            talk = Talk(
                fresh=dice.whole(3, 12), cached=context if step else 0, written=new, output=_tokens(dice, 240, 0.6)
            )
            _chat(tape, model, talk)
            context = min(context + new, 160_000)
            with tape.section("tool", dice.pick(("bash", "edit", "grep"), (4, 5, 2))):
                tape.wait(dice.around(900, 1.0))
        if dice.chance(0.05):
            raise Failure("TestsFailed", "3 of 214 tests fail after the last edit")
        with tape.section("agent", "reviewer"):
            _chat(tape, MODELS["o4-mini"], Talk(fresh=_tokens(dice, 5200), output=_tokens(dice, 1400), reasoning=900))


def research_agent(tape: Tape, migrated: bool) -> None:
    """A planner, several researchers that search the web, and a writer."""
    dice = tape.dice
    del migrated
    deep = dice.chance(0.05)
    with tape.section("agent", "planner"):
        _chat(tape, MODELS["claude-opus-5-5"], Talk(fresh=_tokens(dice, 1500), output=_tokens(dice, 700)))
    for _ in range(dice.whole(10, 14) if deep else dice.whole(2, 6)):
        with tape.section("agent", "researcher"):
            context = 2_000
            for _ in range(dice.whole(8, 14) if deep else dice.whole(2, 6)):
                with tape.section("tool", "web_search"):
                    searches = {"web_search_calls": dice.whole(1, 3)}
                    talk = Talk(fresh=_tokens(dice, 9000, 0.5), output=_tokens(dice, 300), extra_units=searches)
                    _chat(tape, MODELS["claude-haiku-4-5-20251001"], talk)
                _chat(
                    tape,
                    MODELS["claude-sonnet-5-5"],
                    Talk(fresh=_tokens(dice, 900), cached=context, output=_tokens(dice, 350)),
                )
                context += 1_200
    with tape.section("agent", "writer"):
        talk = Talk(fresh=_tokens(dice, 9000), output=_tokens(dice, 2600, 0.3), stream=True)
        _chat(tape, MODELS["claude-opus-5-5"], talk)


PLAYS: dict[str, Callable[[Tape, bool], None]] = {
    "rag-search": rag_search,
    "support-bot": support_bot,
    "sales-mail": sales_mail,
    "voice-notes": voice_notes,
    "doc-extraction": doc_extraction,
    "data-analyst": data_analyst,
    "coding-agent": coding_agent,
    "research-agent": research_agent,
}
