"""The little XML that S3 speaks, read without trusting whoever sent it.

A document type is refused outright: entities are how a small reply becomes gigabytes or a file
of this machine. Namespaces are dropped; stores disagree about them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape

_DEEPEST: Final = 16


class NotXml(ValueError):
    """The reply is no document, is cut off, or carries a document type."""


@dataclass(slots=True)
class Element:
    """One element: its name without namespace, its text and its children."""

    name: str
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def all(self, name: str) -> Iterator["Element"]:
        """Yield the children called ``name``."""
        return (child for child in self.children if child.name == name)

    def value(self, name: str) -> str | None:
        """Return the text of the first child called ``name``, or None."""
        return next((child.text.strip() for child in self.all(name)), None)


def parse(document: bytes) -> Element:
    """Return the document's root.

    Raises:
        NotXml: it is not well-formed to its last byte, declares a document type, or is nested
            more deeply than any reply of S3.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(document, True)  # noqa: FBT003  expat takes it by position only
    except expat.ExpatError as error:
        raise NotXml(str(error)) from error
    return reader.top.children[0]


def render(root: str, *, items: Sequence[tuple[str, Mapping[str, str]]]) -> bytes:
    """Return a document of one level of items, each with its fields, as UTF-8."""
    inner = "".join(
        f"<{name}>{''.join(f'<{k}>{escape(v)}</{k}>' for k, v in fields.items())}</{name}>"
        for name, fields in items
    )
    return f'<{root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inner}</{root}>'.encode()


class _Reader:
    def __init__(self) -> None:
        self.top = Element("")
        self._open = [self.top]

    def doctype(self, *_: object) -> None:
        raise NotXml("a document type is declared")

    def start(self, name: str, _: Mapping[str, str]) -> None:
        if len(self._open) > _DEEPEST:
            raise NotXml("nested too deeply")
        element = Element(name.rpartition(":")[2])
        self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, _: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        self._open[-1].text += data
