"""A row of build/bench.json: what was measured, against whom, and whether the goal holds."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

_GOAL: Final = re.compile(r"(<=|>=|<|>)(\d+(?:\.\d+)?)")
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement, in the shape of DESIGN.md section 9.

    Attributes:
        value: dockd's median, in ``unit``; ``peer_value`` is the peer's in the same run.
        ratio: ``value`` by ``peer_value``; None without a peer.
        goal: Applied to ``ratio`` where there is a peer, else to ``value``.
        spread: Lowest and highest of all runs, dockd's and the peer's.
        command: What the peer and dockd were told, with the peer's version.
    """

    name: str
    value: float
    unit: str
    peer: str | None
    peer_value: float | None
    ratio: float | None
    goal: str
    holds: bool
    spread: dict[str, list[float]]
    command: str
    machine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Whom dockd is measured against: the name, all its values, and what it was told."""

    name: str
    values: Sequence[float]
    command: str


def holds(goal: str, found: float) -> bool:
    """Return whether a goal such as ``>=1.5`` is met.

    Raises:
        ValueError: it is not a comparison with a number.
    """
    matched = _GOAL.fullmatch(goal.replace(" ", ""))
    if matched is None:
        raise ValueError(f"no goal: {goal!r}; it should read like '>=1.5'")
    bound = float(matched[2])
    match matched[1]:
        case "<=":
            return found <= bound
        case ">=":
            return found >= bound
        case "<":
            return found < bound
        case _:
            return found > bound


def row(
    name: str,
    *,
    values: Sequence[float],
    unit: str,
    goal: str,
    command: str,
    machine: str,
    peer: Peer | None = None,
) -> Row:
    """Return the row of a measurement: medians of all runs, their ratio, and the verdict.

    Raises:
        ValueError: a run is missing, the peer measured nothing, or the goal is none.
    """
    value, spread = _round(median(values)), {"dockd": _spread(values)}
    if peer is None:
        ratio, peer_value = None, None
    else:
        if len(peer.values) != len(values):
            raise ValueError(f"{name}: {len(values)} runs, and {len(peer.values)} of {peer.name}")
        peer_value = _round(median(peer.values))
        if peer_value <= 0:
            raise ValueError(f"{name}: {peer.name} measured {peer_value}: there is no ratio to it")
        spread["peer"] = _spread(peer.values)
        # Of the unrounded medians, so that the verdict never hangs on a rounding.
        ratio = median(values) / median(peer.values)
        command = f"{command}; {peer.name}: {peer.command}"
    return Row(
        name=name,
        value=value,
        unit=unit,
        peer=peer.name if peer else None,
        peer_value=peer_value,
        ratio=None if ratio is None else _round(ratio),
        goal=goal,
        holds=holds(goal, median(values) if ratio is None else ratio),
        spread=spread,
        command=command,
        machine=machine,
    )


def _spread(values: Sequence[float]) -> list[float]:
    return [_round(min(values)), _round(max(values))]


def _round(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def save(path: Path, *, benchmark: str, rows: Sequence[Row]) -> None:
    """Put one benchmark's rows into the file, in place of those that it had there."""
    kept = [held for held in load(path) if held["name"].split(".")[0] != benchmark]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".json.new")
    temporary.write_text(json.dumps([*kept, *map(asdict, rows)], indent=1) + "\n")
    temporary.replace(path)


def load(path: Path) -> list[dict[str, Any]]:
    """Return the rows of the file; one that is not there has none."""
    if not path.exists():
        return []
    held: list[dict[str, Any]] = json.loads(path.read_text())
    return held
