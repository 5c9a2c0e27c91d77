"""The guest's journal, as systemd keeps it."""

import json
from collections.abc import Mapping
from typing import Any

from tests.rack.agent import Agent

Record = Mapping[str, Any]
# How `journalctl --catalog` begins each line of an explanation, where characters are UTF-8 or not.
_EXPLAINS = ("\N{LIGHT SHADE}\N{LIGHT SHADE}", "-- ")


def entries(agent: Agent, *matches: str, unit: str = "", boot: str = "all") -> list[Record]:
    """Read the journal's entries, oldest first: those with these fields (`DOCKD_CAMERA=...`).

    Of one boot only: `0` is this one, `-1` the one before.
    """
    command = ["journalctl", "--output=json", "--all", "--no-pager", f"--boot={boot}", *matches]
    if boot == "all":
        command.remove("--boot=all")
    if unit:
        command.append(f"--unit={unit}")
    return [json.loads(line) for line in agent.run(*command).text.splitlines()]


def told(agent: Agent, *, unit: str) -> list[tuple[str, str]]:
    """Read a unit's entries as a person would: each line, and what the catalog says of it."""
    read = agent.run("journalctl", "--catalog", "--no-pager", f"--unit={unit}").text
    lines: list[tuple[str, str]] = []
    for line in read.splitlines():
        if not line.startswith(_EXPLAINS):
            lines.append((line, ""))
        elif lines:
            lines[-1] = (lines[-1][0], f"{lines[-1][1]}{line}\n")
    return lines
