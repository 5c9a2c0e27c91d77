"""The guest's journal, as systemd keeps it."""

import json
from collections.abc import Mapping
from typing import Any

from tests.rack.agent import Agent

Record = Mapping[str, Any]


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


def told(agent: Agent, *matches: str, unit: str = "") -> str:
    """Read the same as a person would, with the catalog's explanations (`journalctl -x`)."""
    command = ["journalctl", "--catalog", "--no-pager", *matches]
    return agent.run(*command, *([f"--unit={unit}"] if unit else [])).text
