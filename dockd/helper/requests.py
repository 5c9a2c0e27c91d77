"""What may be asked of the helper: one packet becomes one `Request`, or is refused whole."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from dockd.errors import RequestInvalid

Verb = Literal[
    "slots", "authorise", "mount", "make-writable", "make-read-only", "unmount", "port-power"
]

REQUEST_BYTES: Final = 4096
SLOT_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_KINDS: Final = ["budget", "hold", "safety"]

# What each verb takes: all of it, and nothing else.
_TAKES: Final[Mapping[str, set[str]]] = {
    "slots": set(),
    "authorise": {"slot"},
    "mount": {"slot"},
    "make-writable": {"slot", "deadline_s"},
    "make-read-only": {"slot"},
    "unmount": {"slot"},
    "port-power": {"slot", "on", "kind", "lease_s"},
}

# What the value of each key has to be. A bool is an int to Python, but no number of seconds.
_RIGHT: Final[Mapping[str, Callable[[Any], bool]]] = {
    "slot": lambda value: isinstance(value, str) and SLOT_NAME.fullmatch(value) is not None,
    "deadline_s": lambda value: type(value) is int and 1 <= value <= 300,  # noqa: PLR2004 - a table
    "on": lambda value: isinstance(value, bool),
    "kind": lambda value: value in _KINDS,
    "lease_s": lambda value: type(value) is int and 0 <= value <= 3600,  # noqa: PLR2004 - a table
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One order of the daemon: a verb and a slot, never a path or a device.

    `deadline_s` is after how many seconds a writable mount goes back by itself, `lease_s` how long
    a port stays cut unless that is asked for again, `kind` why it is, or which cut is lifted. The
    connection is its `owner`, and `descriptor` what came beside it.
    """

    verb: Verb
    slot: str = ""
    deadline_s: int = 0
    on: bool = True
    kind: str = "budget"
    lease_s: int = 0
    owner: object = None
    descriptor: int | None = None


def parse(packet: bytes) -> Request:
    """Return the request in `packet`; raises RequestInvalid where it is not exactly one."""
    try:
        keys = json.loads(packet.decode(), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise RequestInvalid("the packet is not one JSON object in UTF-8") from error
    verb = keys.pop("verb", None) if isinstance(keys, dict) else None
    if not isinstance(verb, str) or verb not in _TAKES:
        raise RequestInvalid("there is no such verb")
    if keys.keys() != _TAKES[verb]:
        raise RequestInvalid(f"{verb} takes {sorted(_TAKES[verb])}, all of it and nothing else")
    for key, value in keys.items():
        if not _RIGHT[key](value):
            raise RequestInvalid(f"{key} is not what it has to be")
    return Request(verb=verb, **keys)  # type: ignore[arg-type] # _TAKES holds just the verbs


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise ValueError("a key stands there twice")
    return keys
