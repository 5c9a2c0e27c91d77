"""Where the station says what happens: constant sentences plus fields."""

from typing import Literal, Protocol

Level = Literal["debug", "info", "notice", "warning", "error"]


class Journal(Protocol):
    """The station's journal."""

    def say(self, event: str, sentence: str, *, level: Level = "info", **fields: object) -> None:
        """Write one line: ``event`` is the kind (a fact's, or a slug), ``sentence`` is constant."""
