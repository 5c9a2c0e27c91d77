"""Holds a message against docs/mqtt.asyncapi.json, as somebody who only has that document would."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import jsonschema

from tests.fakes.servers import ROOT

FILE: Final = ROOT / "docs/mqtt.asyncapi.json"
_DOCUMENT: Final[dict[str, Any]] = json.loads(FILE.read_text())


def check(topic: str, payload: bytes) -> str:
    """Return which channel a message belongs to; it is exactly one, and the payload fits it."""
    (name,) = [name for name, pattern in _patterns() if re.fullmatch(pattern, topic)]
    references = [each["payload"] for each in _DOCUMENT["channels"][name]["messages"].values()]
    schema = {"oneOf": references, "components": _DOCUMENT["components"]}
    jsonschema.Draft202012Validator(schema).validate(json.loads(payload))
    return name


def retains(name: str) -> bool:
    """Return whether messages of a channel are said to be retained."""
    retain: bool = _DOCUMENT["operations"][f"announce-{name}"]["bindings"]["mqtt"]["retain"]
    return retain


def _patterns() -> Iterator[tuple[str, str]]:
    for name, channel in _DOCUMENT["channels"].items():
        levels = channel["address"].split("/")
        yield name, "/".join(r"[\w.%~-]+" if level.startswith("{") else level for level in levels)
