"""The rows as a table: for a terminal, and for the README, misses included."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

BEGIN: Final = "<!-- bench: begin (written by `python -m tests.bench --readme`) -->"
END: Final = "<!-- bench: end -->"
_HEADINGS: Final = ("", "dockd", "peer", "ratio", "goal", "")


def as_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the table with its columns lined up."""
    lines = [_HEADINGS, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table with the machines that measured it."""
    lines = ["| | dockd | peer | ratio | goal | |", "|---|---|---|---|---|---|"]
    lines += [f"| {' | '.join(_cells(row))} |" for row in rows]
    machines = sorted({row["machine"] for row in rows})
    return "\n".join([*lines, "", f"Measured by `make bench` on {'; '.join(machines)}."])


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    peer = f"{row['peer_value']:g} ({row['peer']})" if row["peer"] else ""
    return (
        row["name"],
        f"{row['value']:g} {row['unit']}",
        peer,
        "" if row["ratio"] is None else f"{row['ratio']:.2f}",
        row["goal"],
        "holds" if row["holds"] else "MISSED",
    )


def write_readme(readme: Path, *, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put the table between its markers.

    Raises:
        ValueError: nothing was measured, or the README has no markers.
    """
    if not rows:
        raise ValueError("build/bench.json has no rows: run `make bench` first")
    before, begin, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme} has no table between its markers")
    readme.write_text(f"{before}{BEGIN}\n{as_markdown(rows)}\n{END}{after}")
