"""Prints dockd.toml(5), from the comments of the example configuration."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import dockd
import troff

EXAMPLE: Final = Path(__file__).parents[1] / "dockd.toml.example"
# A value may hold a # in quotes; an explanation begins behind the spaces after it.
_SETTING: Final = re.compile(r"^(?P<setting>[a-z_]+ = .*?)(?: +# (?P<explanation>.*))?$")


def manual(example: str, *, date: str) -> str:
    """Return the page; ``date`` as in 2026-11-23.

    Raises:
        ValueError: the example has a line of a form that this does not know.
    """
    introduction, *blocks = example.strip().split("\n\n")
    lines = [
        troff.head("dockd.toml", section=5, date=date, version=dockd.__version__),
        troff.heading("NAME"),
        r"dockd.toml \- the configuration of dockd",
        troff.heading("SYNOPSIS"),
        "/etc/dockd/dockd.toml, /etc/dockd/dockd.d/*.toml",
        troff.heading("DESCRIPTION"),
        *troff.paragraphs(_prose(introduction)),
        troff.heading("TABLES"),
        *troff.paragraphs(["Each key is shown with a value that it could have."]),
        *(line for block in blocks for line in _table(block)),
        troff.heading("SEE ALSO"),
        *troff.paragraphs(["dockd(1), systemd.exec(5)"]),
    ]
    return troff.page(lines)


def _prose(comment: str) -> list[str]:
    """Return the paragraphs of a block of comment lines."""
    bare = "\n".join(line.removeprefix("#").removeprefix(" ") for line in comment.splitlines())
    return [" ".join(part.split()) for part in bare.split("\n\n")]


def _table(block: str) -> Iterator[str]:
    lines = block.splitlines()
    comment = "\n".join(line for line in lines if line.startswith("#"))
    title, *settings = (line for line in lines if not line.startswith("#"))
    yield troff.subheading(title)
    if comment:
        yield from troff.paragraphs(_prose(comment))
    for setting, explanation in _settings(settings):
        yield from troff.item(setting, explanation)


def _settings(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each setting with its explanation, which may go on in lines of their own."""
    found: list[tuple[str, str]] = []
    for line in lines:
        match = _SETTING.match(line)
        if match:
            found.append((match["setting"], match["explanation"] or ""))
        elif found and line.lstrip().startswith("# "):
            setting, explanation = found[-1]
            found[-1] = (setting, f"{explanation} {line.lstrip().removeprefix('# ')}")
        else:
            raise ValueError(line)
    yield from found


if __name__ == "__main__":
    sys.stdout.write(manual(EXAMPLE.read_text(encoding="utf-8"), date=sys.argv[1]))
