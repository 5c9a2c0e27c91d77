"""A journal that keeps what was said."""

from typing import Any

from dockd.ports.journal import Level


class Lines:
    """What was said, in order: event, level, fields."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Level, dict[str, Any]]] = []

    def say(self, event: str, sentence: str, *, level: Level = "info", **fields: object) -> None:
        """Keep one line."""
        assert sentence
        self.said.append((event, level, fields))

    def of(self, event: str) -> dict[str, Any]:
        """Return the fields of the last line about ``event``."""
        return [fields for kind, _, fields in self.said if kind == event][-1]
