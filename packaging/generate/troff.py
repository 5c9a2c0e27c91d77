"""Writes manual pages: the few man(7) macros that dockd's pages need, with every text escaped."""

from collections.abc import Iterable
from typing import Final

_ESCAPES: Final = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "~": r"\(ti", "^": r"\(ha"}
)


def escaped(text: str) -> str:
    """Return text that troff shows as it is; a line never begins with a control character."""
    return "\n".join(
        rf"\&{line}" if line.startswith(".") else line
        for line in text.translate(_ESCAPES).splitlines()
    )


def head(name: str, *, section: int, date: str, version: str) -> str:
    """Return the title line of a page; ``date`` as in 2026-11-23."""
    return f'.TH {name.upper()} {section} "{date}" "dockd {version}" "dockd"'


def heading(title: str) -> str:
    """Return the heading of a section."""
    return f'.SH "{escaped(title)}"'


def subheading(title: str) -> str:
    """Return the heading of a part of a section."""
    return f'.SS "{escaped(title)}"'


def paragraphs(texts: Iterable[str]) -> list[str]:
    """Return paragraphs, to stand right below a heading."""
    return [line for text in texts for line in (".PP", escaped(text))][1:]


def item(term: str, explanation: str) -> list[str]:
    """Return a term in bold with its explanation indented below."""
    return [".TP", rf"\fB{escaped(term)}\fR", escaped(explanation) or r"\&"]


def page(lines: Iterable[str]) -> str:
    """Return the whole page."""
    return "\n".join([*lines, ""])
