"""What the helper must still know after it was killed; a boot ends it, and what it is about."""

import json
from pathlib import Path
from typing import Any


class Memory:
    """A small JSON object in a file of root's own, replaced as a whole."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def load(self) -> dict[str, Any]:
        """Return what was saved last; nothing where nothing was, or it cannot be read."""
        try:
            document = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    def save(self, document: dict[str, Any]) -> None:
        """Replace what was saved; raises OSError."""
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps(document))
        beside.replace(self._file)
