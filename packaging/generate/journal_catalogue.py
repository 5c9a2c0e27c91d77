"""Prints systemd/dockd.catalog: what every journal line of dockd means, by MESSAGE_ID.

What happened comes from the table of facts and the table of problems, so that the journal and its
explanation cannot part; what dockd does and what a person should do come from dockd.catalog.in.
"""

import importlib
import pkgutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dockd
from dockd.core.catalogue import CATALOGUE
from dockd.core.facts import FACTS
from dockd.errors import DockdError
from dockd.station.journal import message_id

WORDS: Final = Path(__file__).parents[2] / "systemd" / "dockd.catalog.in"
# Said by dockd itself, by no fact and as no problem: what their lines say.
_OWN_SENTENCES: Final = {
    "ledger-lost": "The ledger is missing beside footage; it is rebuilt from the sidecars.",
    "ledger-unwritable": "A problem could not be recorded in the ledger.",
    "problems-last": "Problems that began long ago are open still.",
    "reloaded": "The configuration was read again.",
    "reload-refused": "The new configuration is wrong; the station goes on with the one it has.",
    "udev-events-lost": "Events of udev were lost; dockd listens anew and looks at every slot.",
}
_WIDTH: Final = 79
PROBLEM_DOES: Final = (
    "Keeps this as a problem until it ends (`dockd status`, /v1/problems) and goes on with "
    "everything that does not need what is missing. If dockd cannot run at all, systemd starts it "
    "again every few seconds."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One kind of line: what happened, what dockd does about it, what a person should do."""

    event: str
    happened: str
    does: str
    person: str


def entries() -> dict[str, Entry]:
    """Return an entry for every event, by name.

    Raises:
        KeyError: the words explain an event that nothing says.
    """
    happened = {**_problem_sentences(), **_OWN_SENTENCES}
    happened |= {kind: fact.sentence for kind, fact in FACTS.items()}
    found = {entry.event: entry for entry in _from_problems(happened)}
    for event, (does, person) in words(WORDS.read_text(encoding="utf-8")).items():
        found[event] = Entry(event=event, happened=happened[event], does=does, person=person)
    return dict(sorted(found.items()))


def words(text: str) -> Mapping[str, tuple[str, str]]:
    """Return what dockd does and what a person should do, by event, as the words' file has it.

    Raises:
        ValueError: an entry has not exactly these two paragraphs.
    """
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found: dict[str, tuple[str, str]] = {}
    for section in "\n".join(lines).split("\n-- ")[1:]:
        event, text_of_it = section.split("\n", 1)
        does, person = (" ".join(part.split()) for part in text_of_it.strip().split("\n\n"))
        found[event] = (does, person)
    return found


def errors() -> Iterator[type[DockdError]]:
    """Yield every class of error that any part of dockd has."""
    for module in pkgutil.walk_packages(dockd.__path__, "dockd."):
        if not module.name.startswith(("dockd.simulator", "dockd.__main__")):
            importlib.import_module(module.name)
    waiting: list[type[DockdError]] = [DockdError]
    while waiting:
        error = waiting.pop()
        yield error
        waiting += error.__subclasses__()


def _problem_sentences() -> dict[str, str]:
    sentences = {error.slug: (error.__doc__ or "").splitlines()[0] for error in errors()}
    return sentences | {slug: kind.sentence for slug, kind in CATALOGUE.items()}


def _from_problems(happened: Mapping[str, str]) -> Iterator[Entry]:
    owned = {error.slug: (error.next_step, error.owner) for error in errors()}
    owned |= {slug: (kind.next_step, kind.owner) for slug, kind in CATALOGUE.items()}
    for slug, (next_step, owner) in owned.items():
        yield Entry(
            event=slug,
            happened=happened[slug],
            does=PROBLEM_DOES,
            person=f"{next_step} (Owner: {owner}.)",
        )


def written(entry: Entry) -> str:
    """Return an entry in the form of systemd's message catalogs."""
    body = "\n".join(
        textwrap.fill(f"{heading}: {sentence}", _WIDTH)
        for heading, sentence in (
            ("What happened", entry.happened),
            ("What dockd does", entry.does),
            ("What a person should do", entry.person),
        )
    )
    return (
        f"-- {message_id(entry.event)}\n"
        f"Subject: {entry.happened.removesuffix('.')}\n"
        "Defined-By: dockd\n"
        "Support: man:dockd(1)\n"
        f"\n{body}\n"
    )


if __name__ == "__main__":
    sys.stdout.write("\n".join(written(entry) for entry in entries().values()))
