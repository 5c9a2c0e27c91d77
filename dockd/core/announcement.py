"""What is announced to a broker: under which topics, in which bytes (DESIGN.md section 9)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from dockd.core import naming


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one station; a level never holds what MQTT gives a meaning (`+`, `#`, `/`)."""

    site: str
    station: str

    @property
    def root(self) -> str:
        """What all of them begin with."""
        return f"dockd/{_level(self.site)}/{_level(self.station)}"

    @property
    def state(self) -> str:
        """Where the station stands; retained."""
        return f"{self.root}/state"

    @property
    def events(self) -> str:
        """Where everything that happens is told."""
        return f"{self.root}/events"

    @property
    def problems(self) -> str:
        """Where problems begin and end."""
        return f"{self.root}/problems"

    @property
    def commands(self) -> str:
        """Where central sends what it asks of the station."""
        return f"{self.root}/commands"

    def slot(self, name: str) -> str:
        """Where one slot stands; retained."""
        return f"{self.root}/slots/{_level(name)}"


def encoded(document: Mapping[str, object]) -> bytes:
    r"""Return a document as JSON in ASCII: control characters and direction marks are ``\uXXXX``.

    So are the characters of markup, for those who put a payload into a page as it is.
    """
    text = json.dumps(document, separators=(",", ":"))
    # They, and DEL, occur in strings only, where the escape means the same.
    for character in "<>&\x7f":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("ascii")


OFFLINE = encoded({"online": False})
"""The state that the broker itself announces when the station is gone: its last will."""


def _level(name: str) -> str:
    return naming.component(name.encode(errors="surrogateescape"))
