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
CutKind = Literal["budget", "hold", "safety"]

REQUEST_BYTES: Final = 4096
REPLY_BYTES: Final = 65536
DEADLINE_S: Final = 60
LONGEST_DEADLINE_S: Final = 300
LONGEST_LEASE_S: Final = 3600

_SLOT: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One order of the daemon: a verb and a slot, never a path or a device.

    Attributes:
        verb: What to do.
        slot: In which slot; empty for `slots`.
        deadline_s: After how long a writable mount goes back by itself, in seconds.
        on: Whether a port is to have power.
        kind: Why it is cut, or which cut is lifted.
        lease_s: How long a cut stands unless it is asked for again, in seconds.
    """

    verb: Verb
    slot: str = ""
    deadline_s: int = DEADLINE_S
    on: bool = True
    kind: CutKind = "budget"
    lease_s: int = 0


def _whole(value: object, *, most: int) -> bool:
    # A bool is an int to Python; `true` seconds are nonsense all the same.
    return type(value) is int and 1 <= value <= most


_RIGHT: Final[Mapping[str, Callable[[Any], bool]]] = {
    "slot": lambda value: isinstance(value, str) and _SLOT.fullmatch(value) is not None,
    "deadline_s": lambda value: _whole(value, most=LONGEST_DEADLINE_S),
    "on": lambda value: isinstance(value, bool),
    "kind": lambda value: isinstance(value, str) and value in {"budget", "hold", "safety"},
    "lease_s": lambda value: _whole(value, most=LONGEST_LEASE_S),
}

# Per verb: the keys that must be there, and those that may.
_KEYS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "slots": (frozenset(), frozenset()),
    "authorise": (frozenset({"slot"}), frozenset()),
    "mount": (frozenset({"slot"}), frozenset()),
    "make-writable": (frozenset({"slot"}), frozenset({"deadline_s"})),
    "make-read-only": (frozenset({"slot"}), frozenset()),
    "unmount": (frozenset({"slot"}), frozenset()),
    "port-power": (frozenset({"slot", "on", "kind"}), frozenset({"lease_s"})),
}


def parse(packet: bytes) -> Request:
    """Return the request in `packet`.

    Raises:
        RequestInvalid: It is anything but one of the requests, exactly.
    """
    if len(packet) > REQUEST_BYTES:
        raise RequestInvalid(f"the packet is longer than {REQUEST_BYTES} bytes")
    try:
        document = json.loads(
            packet.decode(), object_pairs_hook=_without_repeats, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise RequestInvalid("the packet is not one JSON object in UTF-8") from error
    if not isinstance(document, dict):
        raise RequestInvalid("the packet is not a JSON object")
    verb = document.pop("verb", None)
    if not isinstance(verb, str) or verb not in _KEYS:
        raise RequestInvalid("there is no such verb")
    _check(verb, document)
    return Request(verb=verb, **document)  # type: ignore[arg-type] # _KEYS holds just the verbs


def _check(verb: str, document: Mapping[str, object]) -> None:
    needed, allowed = _KEYS[verb]
    if not needed <= document.keys() <= needed | allowed:
        raise RequestInvalid(f"{verb} takes {sorted(needed | allowed)} and needs {sorted(needed)}")
    for key, value in document.items():
        if not _RIGHT[key](value):
            raise RequestInvalid(f"{key} is not what it has to be")
    is_lease = verb == "port-power" and not document["on"] and document["kind"] != "safety"
    if is_lease and "lease_s" not in document:
        raise RequestInvalid("a cut for the budget or a hold is a lease: it needs lease_s")


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands there twice")
    return document


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
