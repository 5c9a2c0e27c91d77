"""How the tables of several configuration files become one document (DESIGN section 5)."""

from collections.abc import Mapping
from typing import Any, TypeGuard


def merge(document: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Take `more` into `document`: tables join, lists of tables grow, any other value replaces."""
    for key, value in more.items():
        present = document.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            merge(present, value)
        elif _tables(present) and _tables(value):
            document[key] = [*present, *value]
        else:
            document[key] = value


def _tables(value: object) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
