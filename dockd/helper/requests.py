"""What may be asked of the helper: one packet becomes one `Request`, or is refused whole."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from dockd.errors import RequestInvalid

Checks = Mapping[str, Callable[[Any], object]]

REQUEST_BYTES: Final = 4096
SLOT_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")


def _seconds(least: int, most: int) -> Callable[[Any], bool]:
    # A bool is an int to Python, but no number of seconds.
    return lambda value: type(value) is int and least <= value <= most


_SLOT: Final[Checks] = {"slot": lambda value: type(value) is str and SLOT_NAME.fullmatch(value)}
# What each verb takes, all of it and nothing else, and what the values have to be.
TAKES: Final[Mapping[str, Checks]] = {
    "slots": {},
    "authorise": _SLOT,
    "mount": _SLOT,
    "make-writable": {**_SLOT, "deadline_s": _seconds(1, 300)},
    "make-read-only": _SLOT,
    "unmount": _SLOT,
    "port-power": {
        **_SLOT,
        "on": lambda value: type(value) is bool,
        "kind": lambda value: value in ["budget", "hold", "safety"],
        "lease_s": _seconds(0, 3600),
    },
}


class Request(NamedTuple):
    """One order of the daemon: a verb and a slot, never a path or a device.

    `deadline_s` is after how many seconds a writable mount goes back by itself, `lease_s` how long
    a port stays cut unless that is asked for again, `kind` why it is, or which cut is lifted. The
    connection is its `owner`, and `descriptor` what came beside it.
    """

    verb: str
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
        keys = json.loads(packet.decode())
    except (ValueError, RecursionError) as error:
        raise RequestInvalid("the packet is not one JSON object in UTF-8") from error
    verb = keys.pop("verb", None) if isinstance(keys, dict) else None
    if not isinstance(verb, str) or verb not in TAKES:
        raise RequestInvalid("there is no such verb")
    if keys.keys() != TAKES[verb].keys():
        raise RequestInvalid(f"{verb} takes {sorted(TAKES[verb])}, all of it and nothing else")
    for key, is_right in TAKES[verb].items():
        if not is_right(keys[key]):
            raise RequestInvalid(f"{key} is not what it has to be")
    return Request(verb, **keys)
