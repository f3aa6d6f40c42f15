"""What to do about what is not well with the data: one or two sentences a case."""

from llmobserve.frameworks.libraries import FRAMEWORKS

__all__ = [
    "ESTIMATED_FIX",
    "FRAMEWORK_NAMES",
    "GAP_FIX",
    "INTERNAL_ERROR_FIX",
    "SKEW_FIX",
    "UNPRICED_FIX",
    "UNSTATED_FIX",
    "WRAPPER_NOTE",
    "flag_text",
    "hook_fix",
    "letter_fix",
    "loss_text",
]

FRAMEWORK_NAMES = frozenset(library.name for library in FRAMEWORKS)
"""Of libraries that make no calls themselves; as the SDK of this version knows them."""
_SPOOL_FULL = (
    "The spool directory was full: 256 MB, or the disk nearly so.",
    "See that the collector can be reached, make room on the sender's disk, then run `llmobserve flush` there.",
)
_MEMORY_FULL = (
    "The spool directory could not be written, and the 32 MB kept in memory instead were full.",
    "Set LLMOBSERVE_SPOOL_DIR to a directory that the application may write.",
)
_REFUSED = (
    "The collector, or something between, refused the batch for good.",
    "`llmobserve dead-letters` on the sender shows the refused records and their reasons; `retry` sends them again.",
)
_LOSSES = {
    "spool_full": _SPOOL_FULL,
    "spool_full_content": (
        "Prompts and answers were left out to keep room for calls: the spool was nearly full.",
        _SPOOL_FULL[1],
    ),
    "memory_full": _MEMORY_FULL,
    "memory_full_content": ("Prompts and answers were left out to keep room for calls in memory.", _MEMORY_FULL[1]),
    "not_written": (
        "The process ended while its spool could not be written and the collector did not answer.",
        _MEMORY_FULL[1],
    ),
    "not_encodable": (
        "A call could not be written as JSON, which is a defect of the SDK.",
        "`llmobserve doctor` on the sender tells of the error; upgrade, or report it.",
    ),
    "bad_score": (
        "The application gave a score that is none: no finite number, no name.",
        "Look at its calls of `llmobserve.score()` and at the scores of its evaluations.",
    ),
    "content_too_big": (
        "A prompt or answer was larger than 1 MB; the call itself was recorded.",
        "Nothing is missing from costs. Send smaller contents if they have to be seen.",
    ),
    "spans_full": (
        "More than 50,000 ended sections waited in memory; calls are not affected.",
        "Make fewer sections in tight loops, or see why the sender's thread gets no time.",
    ),
    "torn": (
        "A record in the spool was damaged: the process or the machine died while it was written.",
        'Set durability="fsync" in observe() if machines lose power; otherwise it needs nothing.',
    ),
    "expired": (
        "Records waited on the sender's disk for more than a week and were given up.",
        "See that the collector can be reached from there, and run `llmobserve flush` after long outages.",
    ),
    "refused": _REFUSED,
    "too_big": (
        "A single record was larger than the collector takes.",
        "Raise the collector's LLMOBSERVE_MAX_BODY_MB, or send less metadata with a call.",
    ),
}
_KEPT_NOWHERE = "The records could not be kept on the sender's disk either. Make room in its spool directory."
_UNKNOWN_LOSS = (
    "The sender gave this reason; this version of the collector does not know it.",
    "Look at the log of the sender, and see that collector and SDK have the same version.",
)


def loss_text(reason: str) -> tuple[str, str]:
    """What a reason for a loss means, and what to do."""
    kind = reason.removesuffix("_not_kept")
    meaning, fix = _LOSSES.get(kind, _REFUSED if kind == "rejected" else _UNKNOWN_LOSS)
    return (meaning, fix) if kind == reason else (meaning, _KEPT_NOWHERE)


GAP_FIX = (
    "Numbers of this process never arrived and it reports no loss: it was killed while its spool could not be "
    "written, or its spool directory was deleted. Keep LLMOBSERVE_SPOOL_DIR on a disk that outlives the process, and "
    "run `llmobserve flush` there."
)
INTERNAL_ERROR_FIX = (
    "Errors inside the SDK were kept from the application. `llmobserve doctor` there names the place; upgrade, "
    "or report it."
)
SKEW_FIX = "Synchronise the clock of this host (NTP), or its events are shown at the wrong time."
UNPRICED_FIX = (
    "Settings → Prices lists these models: map the name to a priced model or enter a price, then price again."
)
ESTIMATED_FIX = (
    "The provider stated no usage, or its price is approximate. Ask streams for usage (OpenAI: "
    'stream_options={"include_usage": true}) and read them to the end.'
)
UNSTATED_FIX = (
    "The answers held no usage that could be read. Ask the provider for it, or declare what the host speaks with "
    "observe(hosts=…)."
)
WRAPPER_NOTE = (
    "Another tool wraps the same place. Calls are still recorded; if some are missing, call observe() after that "
    "tool starts."
)

_FLAGS = {
    "undecodable": (
        "The answer was compressed in a way that this process cannot undo.",
        "Install the decoder in the application (brotli or zstandard), or ask for gzip.",
    ),
    "unreadable": (
        "The answer was not in the form of this API.",
        "See what the host answers; a gateway in between may change it.",
    ),
    "malformed": (
        "A quantity in the answer was not a sane number and was left out.",
        "Look at the raw usage of such a call, and report it if the provider documents that form.",
    ),
    "sum_mismatch": (
        "The parts of the usage do not add up to the provider's own total.",
        "Look at the raw usage of such a call: the provider may count something that is new.",
    ),
    "partial": (
        "The stream ended before the usage came, so it is estimated or incomplete.",
        "Read streams to the end, or accept an estimate for those that users stop.",
    ),
}


def flag_text(flag: str) -> tuple[str, str]:
    """What a flag of usage means, and what to do."""
    return _FLAGS[flag]


def hook_fix(library: str, version: str | None, state: str) -> str:
    """What to do about a hook that is not as wanted."""
    which = f"{library} {version}" if version else library
    if library in FRAMEWORK_NAMES:
        return (
            f"Agents, tools and tasks of {which} may not become sections; its calls are recorded all the same. "
            "Upgrade llmobserve, or use a version that its doctor names tested."
        )
    if state == "missing":
        return (
            f"Calls through {which} may not be seen. Upgrade llmobserve, or use a version that its doctor names tested."
        )
    return f"{which} is hooked at a public method instead: some details may be missing. Upgrade llmobserve."


def letter_fix(reason: str) -> str:
    """What to do about a record that was refused."""
    if "start_time_us" in reason:
        return "Set the clock of the sender, and send microseconds since 1970 UTC."
    if reason.startswith("A row does not fit") or "does not fit the store" in reason:
        return "The record passed the checks and the store refused it: report this reason."
    return "The SDK sends no such records: upgrade it, or mend the program that does (schemas/event.schema.json)."
