"""Prints docs/journal.md: every event that dockd writes into the journal, with its fields.

`python packaging/generate/journal_page.py > docs/journal.md`; a test fails when it is stale.
"""

import ast
import functools
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final

import dockd
from dockd.core.catalogue import CATALOGUE
from dockd.core.facts import FACTS, ClipFact, DockingFact, Fact, SetAside, SetFree
from dockd.core.health import NAMED
from dockd.stages.narrate import LEFT_OUT, QUIET
from dockd.station.journal import message_id
from journal_catalogue import Entry, entries, errors

_HEAD: Final = """\
# The journal: every event and its fields

Generated from the code's tables: `python packaging/generate/journal_page.py > docs/journal.md`.

A line is a constant sentence and its fields. In systemd's journal each field stands by itself
too, as `DOCKD_` and its name in capitals: `journalctl DOCKD_CAMERA=BWC-000123` tells one camera's
story. Every entry has `DOCKD_EVENT`, the event's name, and a `MESSAGE_ID`, which is the same in
every release. A field that does not apply is left out, and of `camera`, `clip`, `docking`, `slot`
and `store` a problem's or a hold's line has the one that it is about. What came from a camera or
a store is escaped.

    journalctl -u dockd -x                          # with what each line means
    journalctl MESSAGE_ID=0123456789abcdef...       # one kind of event; the ids stand below
    journalctl -u dockd DOCKD_EVENT=clip-wiped      # the same by name

**Level** is syslog's, so `journalctl -p warning` works. An event of level `debug` is written into
systemd's journal and not on a terminal. A problem is one line when it begins (level `error` if it
is a `fail`, else `warning`) and one when it ends (`notice`). One that is back within ten
minutes, for the third time, is one problem from then on: its end is said when it has stayed away
for ten minutes, with how often it came in `times`. Of a clip, the names that people use
(`clip`, `camera`, `slot`, `docking`, `path`) are given as far as they are known without asking
the ledger for a line of level `debug`.
"""
_SLUGS: Final = """\
## Slugs as events

The slug of a problem or of an error is explained by a MESSAGE_ID of its own;
[problems.md](problems.md) has them all. A problem's beginning is of the event `problem-opened`,
with the slug in `DOCKD_SLUG`. Under their own names are said: what keeps dockd from starting
(`config-invalid`, a line for every finding, and others with `reason`, `owner` and `next`), and a
mistake of dockd's own, with its `traceback`.
"""
_CLIP_NAMES: Final = ("clip", "camera", "slot", "docking", "path")
# What `**health.named_in(subject)` gives: one of these.
_NAMED: Final = tuple(sorted(NAMED))


def page() -> str:
    """Return the page."""
    slugs = (CATALOGUE.keys() | {error.slug for error in errors()}) - FACTS.keys()
    said = {event: each for event, each in entries().items() if event not in slugs}
    spoken = dict(_spoken())
    index = ["| Event | Level | Sentence |", "|---|---|---|"]
    index += [
        f"| [`{event}`](#{event}) | {_level(event)} | {each.happened} |"
        for event, each in said.items()
    ]
    sections = [
        _section(each, spoken[event] if event in spoken else _of_fact(FACTS[event]))
        for event, each in said.items()
    ]
    return "\n".join([_HEAD, *index, "", *sections, _SLUGS])


def _section(entry: Entry, names: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{name}`" for name in dict.fromkeys(names)) or "none"
    return (
        f"## {entry.event}\n\n"
        f"{entry.happened}\n\n"
        f"- Level: {_level(entry.event)}\n"
        f"- Fields: {shown}\n"
        f"- What dockd does: {entry.does}\n"
        f"- What a person should do: {entry.person}\n"
        f"- MESSAGE_ID: `{message_id(entry.event)}`\n"
    )


def _level(event: str) -> str:
    """Return the level that an event is said at."""
    if event == "problem-opened":
        return "error or warning"
    for call in _calls():
        if _event(call) == event:
            level = (word.value for word in call.keywords if word.arg == "level")
            return str(ast.literal_eval(next(level, ast.Constant("info"))))
    return "debug" if issubclass(FACTS[event], QUIET) else "info"


def _of_fact(fact: type[Fact]) -> tuple[str, ...]:
    """Return the fields that the narrator gives a fact."""
    own = tuple(each.name for each in fields(fact) if each.name not in LEFT_OUT)
    if issubclass(fact, DockingFact):
        return ("docking", "camera", "slot", *own)
    if issubclass(fact, SetAside | SetFree):
        return (*_NAMED, *own)
    return (*_CLIP_NAMES, *own) if issubclass(fact, ClipFact) else own


def _spoken() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the events that dockd's code says by name, and the fields that it gives them."""
    for call in _calls():
        event = _event(call)
        if event is not None:
            named = [
                each
                for word in call.keywords
                if word.arg != "level"
                for each in (_NAMED if word.arg is None else (word.arg,))
            ]
            yield event, tuple(named)


def _event(call: ast.Call) -> str | None:
    name = call.args[0]
    return str(name.value) if isinstance(name, ast.Constant) else None


@functools.cache
def _calls() -> tuple[ast.Call, ...]:
    """Return every place in dockd's code that says something in its journal."""
    found = []
    for path in sorted(Path(dockd.__path__[0]).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="say", value=where), args=[_, *_]) if (
                    ast.unparse(where).endswith("journal")
                ):
                    found.append(node)
                case _:
                    pass
    return tuple(found)


if __name__ == "__main__":
    sys.stdout.write(page())
