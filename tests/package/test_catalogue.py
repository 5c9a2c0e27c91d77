"""Every line that dockd can write into the journal is explained."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockd.core.catalogue import CATALOGUE
from dockd.core.facts import FACTS
from dockd.station import helper_client
from dockd.station.journal import message_id
from tests.package.debian import ROOT

# What is said under a name that is decided at run time: a fact's kind, or a problem's slug.
DYNAMIC = {"fact.kind", "error.slug", "slug"}
# Errors that are given a slug where they are raised.
RAISED = {"PermanentError", "TransientError", "Refused"}
HEADINGS = ("What happened: ", "What dockd does: ", "What a person should do: ")


@pytest.fixture(scope="module")
def explained() -> dict[str, str]:
    """Return what the catalogue says, by MESSAGE_ID."""
    made = subprocess.run(
        [sys.executable, ROOT / "packaging/generate/journal_catalogue.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    entries = re.split(r"^-- ([0-9a-f]{32})\n", made.stdout, flags=re.MULTILINE)[1:]
    return dict(zip(entries[::2], entries[1::2], strict=True))


def spoken() -> Iterator[tuple[str, ast.expr]]:
    """Yield where dockd's code says something in its journal, and the event's name there."""
    for path in (ROOT / "dockd").rglob("*.py"):
        if path.is_relative_to(ROOT / "dockd/simulator"):
            # The demo speaks to a terminal.
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="say", value=where), args=[event, *_]) if (
                    ast.unparse(where).endswith("journal")
                ):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", event
                case ast.Call(func=ast.Name(id=name), keywords=words) if name in RAISED:
                    for word in words:
                        if word.arg == "slug" and isinstance(word.value, ast.Constant):
                            yield f"{path.relative_to(ROOT)}:{node.lineno}", word.value
                case _:
                    pass


def test_every_fact_is_explained(explained: dict[str, str]) -> None:
    """Whatever the ledger can hold, journalctl -x has words for."""
    assert [kind for kind in FACTS if message_id(kind) not in explained] == []


def test_every_problem_is_explained(explained: dict[str, str]) -> None:
    """Whatever the problems' table names, journalctl -x has words for."""
    assert [slug for slug in CATALOGUE if message_id(slug) not in explained] == []


def test_every_line_of_the_code_is_explained(explained: dict[str, str]) -> None:
    """No part of dockd says anything under a name that the catalogue does not know."""
    said = dict(spoken())
    assert len(said) > len(DYNAMIC)
    for where, event in said.items():
        if isinstance(event, ast.Constant) and event.value in helper_client._ASK_AGAIN:
            # What the helper answers to its client alone, which asks again.
            continue
        if isinstance(event, ast.Constant):
            assert message_id(str(event.value)) in explained, (where, event.value)
        else:
            assert ast.unparse(event) in DYNAMIC, where


def test_an_explanation_says_three_things(explained: dict[str, str]) -> None:
    """What happened, what dockd does about it, what a person should do: each, and each once."""
    for text in explained.values():
        assert [text.count(heading) for heading in HEADINGS] == [1, 1, 1]
        assert re.match(r"Subject: \S.*\nDefined-By: dockd\nSupport: man:dockd\(1\)\n\n", text)
        assert max(len(line) for line in text.splitlines()[1:]) < 80


def test_no_words_without_an_event(tmp_path: Path) -> None:
    """Words for an event that nothing says any more fail the build, and do not rot."""
    words = (ROOT / "systemd/dockd.catalog.in").read_text(encoding="utf-8")
    script = (ROOT / "packaging/generate/journal_catalogue.py").read_text(encoding="utf-8")
    for name, text in (
        ("systemd/dockd.catalog.in", f"{words}\n-- no-such-event\nNothing.\n\nNothing.\n"),
        ("packaging/generate/journal_catalogue.py", script),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    made = subprocess.run(
        [sys.executable, tmp_path / "packaging/generate/journal_catalogue.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 1
    assert "no-such-event" in made.stderr
