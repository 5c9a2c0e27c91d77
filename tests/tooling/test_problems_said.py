"""No problem of the catalogue is only words: something in dockd says each."""

import re
from pathlib import Path

import dockd
from dockd.core.catalogue import CATALOGUE
from dockd.errors import DockdError

_WORDS = ("core/catalogue.py", "errors.py")


def classes(slug: str) -> set[str]:
    """Return the names of the errors that have a slug of their own."""
    waiting, found = [DockdError], set()
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        if error.slug == slug and error.__dict__.get("slug") == slug:
            found.add(error.__name__)
    return found


def test_every_problem_is_said_by_something() -> None:
    """Each slug, or the error that carries it, is somewhere in the code beside its own table."""
    root = Path(dockd.__path__[0])
    code = "\n".join(
        path.read_text() for path in root.rglob("*.py") if not path.as_posix().endswith(_WORDS)
    )
    said = {
        slug
        for slug in CATALOGUE
        if f'"{slug}"' in code or any(re.search(rf"\b{name}\(", code) for name in classes(slug))
    }
    assert CATALOGUE.keys() - said == set()
