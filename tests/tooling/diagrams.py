"""Draws ARCHITECTURE.md's state diagrams from the tables the code runs by.

``python -m tests.tooling.diagrams`` writes them between their markers; a test fails when that was
forgotten. The diagrams are Mermaid, which renders in the forge and reads well enough as it is.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from dockd.core import clip_rules, slot, transfer
from dockd.core.flow import breaker

ARCHITECTURE: Final = Path(__file__).parents[2] / "ARCHITECTURE.md"
TABLES: Final[Mapping[str, Mapping[tuple[Any, Any], Any]]] = {
    "camera copy": clip_rules.CAMERA_TRANSITIONS,
    "spool copy": clip_rules.SPOOL_TRANSITIONS,
    "store copy": clip_rules.STORE_TRANSITIONS,
    "transfer": transfer.TRANSITIONS,
    "slot": slot.TRANSITIONS,
    "breaker": breaker.TRANSITIONS,
}


def diagram(table: Mapping[tuple[Any, Any], Any]) -> str:
    """Return a table as a Mermaid state diagram, edges between two states on one arrow."""
    edges: dict[tuple[StrEnum, StrEnum], list[str]] = {}
    for (at, what), to in table.items():
        edges.setdefault((at, to), []).append(_label(what))
    states: type[StrEnum] = type(next(iter(table))[0])
    first = next(iter(states))
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_node(first)}"]
    for (at, to), labels in edges.items():
        lines.append(f"    {_node(at)} --> {_node(to)}: {', '.join(sorted(labels))}")
    return "\n".join([*lines, "```"])


def _label(what: Any) -> str:  # noqa: ANN401 - members of any enum, or text
    return str(getattr(what, "kind", what))


def _node(state: StrEnum) -> str:
    # Mermaid takes a hyphen for the beginning of an arrow.
    return state.value.replace("-", "_")


def drawn(text: str) -> str:
    """Return a document with every diagram between its markers drawn anew.

    Raises:
        ValueError: a table has no place in the document.
    """
    for name, table in TABLES.items():
        between = re.compile(
            rf"(<!-- diagram: {name} -->\n).*?(<!-- end of diagram -->)", re.DOTALL
        )
        text, count = between.subn(
            lambda match, table=table: f"{match[1]}{diagram(table)}\n{match[2]}",  # type: ignore[misc]  # bound at once, by its default
            text,
        )
        if count != 1:
            message = f"ARCHITECTURE.md has {count} places for the diagram of {name}"
            raise ValueError(message)
    return text


if __name__ == "__main__":
    ARCHITECTURE.write_text(drawn(ARCHITECTURE.read_text()))
