"""Answers as people read them on a terminal; every name from a camera is made printable first."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dockd.core.printable import printable

Answer = Mapping[str, Any]
_COLOURS: Final = {"pass": "green", "warn": "yellow", "fail": "red"}
_ADVICE_COLOURS: Final = {"take": "green", "report": "red", "leave": "yellow"}
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_STEP: Final = 1000
_WIDE: Final = 240
_BAR_WIDTH: Final = 12
# A pipe has no width: long lines are for whoever reads them there to cut.
console: Final = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)


def as_json(answer: object) -> None:
    """Print an answer as JSON, one document, for programs; in ASCII, for terminals obey more."""
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")


def lines(texts: Iterable[str]) -> None:
    """Print plain lines, each made printable."""
    for text in texts:
        sys.stdout.write(printable(text) + "\n")


def foreign(text: str | None, *, style: str = "") -> Text:
    """Return somebody else's text, never markup, with whatever has no picture spelt out."""
    return Text("".join(c if c.isprintable() else printable(c) for c in text or ""), style)


def size(size_bytes: float) -> str:
    """Return a size for people: ``1.5 GB``."""
    for unit in _UNITS:
        if abs(size_bytes) < _STEP or unit == _UNITS[-1]:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= _STEP
    return ""


def status(answer: Answer) -> RenderableType:
    """Return the whole station at a glance."""
    spool, uplink = answer["spool"], answer["uplink"]
    head = Text.assemble(
        (f"{answer['station']}", "bold"),
        f" at {answer['site']}: ",
        (answer["health"], _COLOURS.get(answer["health"], "")),
        f" · dockd {answer['version']} · {answer['time']}",
    )
    room = f"spool: {size(spool['free_bytes'])} free" + (
        "" if spool["accepting"] else ", accepts no new clip"
    )
    link = (
        f"uplink: {size(uplink['rate_bytes_s'])}/s, {uplink['queued_clips']} clips "
        f"({size(uplink['queued_bytes'])}) waiting"
    )
    return Group(
        head,
        Text(f"{room} · {link}"),
        _slots(answer["slots"]),
        _stores(answer["stores"]),
        problems(answer["problems"]),
    )


def _slots(slots: Sequence[Answer]) -> RenderableType:
    table = _table(
        "slot",
        "state",
        "advice",
        "take",
        "charge",
        "ready",
        "camera",
        "clips",
        "verified",
        "stored",
        "of",
        "",
    )
    for slot in slots:
        table.add_row(
            foreign(slot["slot"]),
            slot["state"],
            Text(slot["advice"], _ADVICE_COLOURS.get(slot["advice"], "")),
            "" if slot["issue"] is None else f"{slot['issue']}.",
            _charge(slot),
            slot["ready_at"] or "",
            foreign(slot["camera"]),
            " ".join(f"{name} {count}" for name, count in slot["clips"].items() if count),
            size(slot["bytes_verified"]),
            size(slot["bytes_stored"]),
            size(slot["bytes_total"]),
            _progress(slot),
        )
    return table


def _progress(slot: Answer) -> RenderableType:
    """Return how much of what is on a camera is proven here, as a bar; nothing for no camera."""
    if not slot["bytes_total"]:
        return ""
    return ProgressBar(
        total=slot["bytes_total"], completed=slot["bytes_verified"], width=_BAR_WIDTH
    )


def _charge(slot: Answer) -> str:
    percent, error = slot["battery_percent"], slot["battery_error_percent"]
    return "" if percent is None else f"{percent} ±{error} %"


def _stores(stores: Sequence[Answer]) -> RenderableType:
    table = _table("store", "breaker", "receipts", "last receipt")
    for store in stores:
        strength = store["receipt_strength"] or "not probed yet"
        table.add_row(store["name"], store["breaker"], strength, store["last_receipt"] or "never")
    return table if stores else Text("no store is configured: footage is copied, proven and held")


def problems(found: Sequence[Answer]) -> RenderableType:
    """Return the open problems, or that there are none."""
    if not found:
        return Text("no problems", "green")
    table = _table("problem", "since", "subject", "reason", "owner", "next")
    for problem in found:
        table.add_row(
            Text(problem["slug"], _COLOURS.get(problem["severity"], "")),
            problem["since"],
            foreign(problem["subject"]),
            foreign(problem["reason"]),
            problem["owner"],
            foreign(problem["next"]),
        )
    return table


def clips(found: Sequence[Answer]) -> RenderableType:
    """Return clips, one a line."""
    table = _table("clip", "place", "camera", "path", "size", "held", "why not further")
    for clip in found:
        table.add_row(
            clip["id"],
            clip["place"],
            foreign(clip["camera"]),
            foreign(clip["path"]),
            size(clip["size_bytes"]),
            clip["held"] or "",
            foreign(clip["reason"]),
        )
    return table


def clip(answer: Answer) -> RenderableType:
    """Return one clip: where each copy is, why it is not further, and what happened to it."""
    facts = Table.grid(padding=(0, 2))
    copies = answer["copies"]
    stores = ", ".join(f"{name}: {state}" for name, state in copies["stores"].items())
    for name, value in (
        ("clip", answer["id"]),
        ("path", answer["path"]),
        ("camera", f"{answer['camera']} in slot {answer['slot']}, docking {answer['docking']}"),
        ("place", answer["place"] + (f" ({answer['held']} hold)" if answer["held"] else "")),
        ("size", f"{answer['size_bytes']} bytes{', partial' if answer['partial'] else ''}"),
        ("sha256", answer["sha256"] or "not known yet"),
        ("key", answer["key"] or "not known yet"),
        ("copies", f"camera: {copies['camera']}; spool: {copies['spool']}; {stores or 'no store'}"),
        ("reason", answer["reason"] or "nothing is left to do"),
        ("owner", answer["owner"] or ""),
        ("next", answer["next"] or ""),
        ("stored by", answer["eta"] or "not known"),
    ):
        facts.add_row(Text(name, "bold"), foreign(value))
    history = _table("seq", "time", "what happened")
    for event in answer["history"]:
        history.add_row(str(event["seq"]), event["time"], event["kind"])
    return Group(facts, history)


def completeness(answer: Answer) -> RenderableType:
    """Return the books: how many originals, and where each is."""
    table = _table(*(name for name in answer if name not in {"gaps", "scope", "closes"}))
    table.add_row(
        *(str(value) for name, value in answer.items() if name not in {"gaps", "scope", "closes"})
    )
    closes = Text("the books close", "green") if answer["closes"] else Text("they do NOT", "red")
    lines: list[RenderableType] = [foreign(answer["scope"], style="bold"), table, closes]
    if answer["gone"]:
        lines.append(Text("without any known copy: see no-known-copy in `dockd status`", "red"))
    if answer["gaps"]:
        lines.append(Text("numbers that no file seen here has:"))
        lines += [foreign(f"  {gap}") for gap in answer["gaps"]]
    return Group(*lines)


def verification(answer: Answer) -> RenderableType:
    """Return what a verification found."""
    chain = answer["chain"]
    lines: list[RenderableType] = [
        Text(f"{answer['ok']} of {answer['checked']} copies are what the record says"),
        Text("the record is intact", "green")
        if chain == "intact"
        else Text(f"the record is broken at event {chain['broken_at']}", "red"),
    ]
    if answer["bad"]:
        table = _table("clip", "key", "what is wrong")
        for bad in answer["bad"]:
            table.add_row(bad["id"], foreign(bad["key"]), foreign(bad["reason"]))
        lines.append(table)
    return Group(*lines)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
