"""Tables and amounts as commands print them."""

from collections.abc import Sequence, Set

__all__ = ["money_text", "table_text"]


def table_text(rows: Sequence[Sequence[str]], *, right: Set[int] = frozenset()) -> str:
    """Rows in columns, the first row underlined; columns of the numbers in `right` end together."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines: list[str] = []
    for number, row in enumerate(rows):
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
        if number == 0:
            lines.append("  ".join("─" * width for width in widths))
    return "\n".join(lines)


def money_text(amount: str | None) -> str:
    """An amount of the API with all its digits, at least two of them decimals; a dash for an unknown one."""
    if amount is None:
        return "–"
    sign = "-" if amount.startswith("-") else ""
    whole, _, decimals = amount.removeprefix("-").partition(".")
    return f"{sign}{int(whole):,}.{decimals.ljust(2, '0')}"
