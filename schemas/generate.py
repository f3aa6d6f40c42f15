"""Writes the generated reference files of this folder.

python schemas/generate.py           write them
python schemas/generate.py --check   fail when they are stale
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from llmobserve import settings as sdk_settings
from llmobserve.backends import columns
from llmobserve.backends.postgresql import ddl
from llmobserve.wire import Batch, BatchAnswer
from llmobserve_server import settings as server_settings
from llmobserve_server.app import openapi_text
from llmobserve_server.query.filter_fields import FIELDS

HERE = Path(__file__).resolve().parent


def event_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a batch and of the collector's answer."""
    batch, answer = TypeAdapter[Any](Batch), TypeAdapter[Any](BatchAnswer)
    _, document = TypeAdapter.json_schemas(
        [("batch", "serialization", batch), ("answer", "serialization", answer)], schema_generator=_Plain
    )
    parts: dict[str, Any] = document["$defs"]
    for part in parts.values():
        if "type" in part["properties"]:
            # Has a default in Python, but tells the records of a batch apart and is always sent.
            part["required"] = ["type", *part["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What a sender posts to /v1/events, and the answer",
        "oneOf": [{"$ref": "#/$defs/Batch"}, {"$ref": "#/$defs/BatchAnswer"}],
        "$defs": dict(sorted(parts.items())),
    }


class _Plain(GenerateJsonSchema):
    """Without a title for every field, which would only repeat its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def settings_page() -> str:
    """Every setting of SDK and server as Markdown."""
    lines = [
        sdk_settings.reference_page(),
        "# Settings of the server",
        "",
        "Generated from `llmobserve_server/settings.py`. An option of `llmobserve serve` wins over the environment.",
        "",
        "| Environment variable | Default | Meaning |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{name}` | {default or 'see meaning'} | {doc} |" for name, default, doc in server_settings.setting_rows()
    ]
    return "\n".join(lines) + "\n"


def filters_page() -> str:
    """Every field of the filter language as Markdown."""
    lines = [
        "# Fields of filters",
        "",
        "Generated from `llmobserve_server/query/filter_fields.py`; [the language](../docs/api.md#filters).",
        "",
        "| Field | Type | Operators | Meaning |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{field.name}` | {field.type} | {' '.join(f'`{operator}`' for operator in field.operators)} "
        f"| {field.description} |"
        for field in FIELDS.values()
    ]
    return "\n".join(lines) + "\n"


def metric_events() -> str:
    """What the PostgreSQL backend creates, as a script."""
    head = "-- Generated from llmobserve/backends/postgresql.py: what the backend creates where it is not there."
    return "\n\n".join([head, *(f"{statement};" for statement in ddl())]) + "\n"


def files() -> dict[str, str]:
    """File name → content."""
    return {
        "event.schema.json": _dump(event_schema()),
        "openapi.json": openapi_text(),
        "filters.md": filters_page(),
        "settings.md": settings_page(),
        "storage.md": columns.reference_page(),
        "metric_events.sql": metric_events(),
    }


def _dump(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write or check the files. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file is stale")
    options = parser.parse_args()
    made = files()
    stale = [
        name for name, text in made.items() if not (HERE / name).is_file() or (HERE / name).read_text("utf-8") != text
    ]
    if options.check:
        if stale:
            sys.stdout.write(f"stale in schemas/: {', '.join(stale)}\n")
        return 1 if stale else 0
    for name in stale:
        (HERE / name).write_text(made[name], "utf-8")
    sys.stdout.write(f"{len(made)} files, {len(stale)} of them new\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
