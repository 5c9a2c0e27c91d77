"""Holds as they stand beside the ledger, so that a restored ledger cannot forget one.

A clip's number belongs to one ledger, so a hold is kept here by what outlives it: camera, raw
path, the docking it was first seen in, and its store key once that is known.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from dockd.core import naming
from dockd.core.custody import canonical
from dockd.core.facts import HoldKind, JsonValue

FORMAT: Final = "dockd-holds/1"
Kind = Literal["clip", "docking", "camera"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One hold on a clip, a docking or a camera.

    ``docking`` is the held docking, or the one in which a held clip was first seen; it is empty
    for a camera. ``camera`` is empty only where the docking is not known any more. ``path`` and
    ``key`` are a clip's, ``key`` empty before its digest is known. ``waiting`` is true while the
    ledger does not know the clip.
    """

    kind: Kind
    hold: HoldKind
    camera: str
    docking: str = ""
    path: bytes = b""
    key: str = ""
    why: str
    actor: str
    waiting: bool = False

    @property
    def subject(self) -> str:
        """What is held, as facts and problems name it; a clip by the id that it was born with."""
        if self.kind == "clip":
            born = naming.provisional_id(self.camera, docking=self.docking, path=self.path)
            return f"clip {born}"
        return f"{self.kind} {self.docking if self.kind == 'docking' else self.camera}"

    @property
    def identity(self) -> tuple[str, HoldKind]:
        """What makes it one hold: there is at most one of each kind on anything."""
        return self.subject, self.hold


def encode(holds: Iterable[Hold]) -> bytes:
    """Return the canonical bytes of all holds, in an order of their own."""
    rows: list[JsonValue] = [
        {
            "kind": hold.kind,
            "hold": hold.hold,
            "camera": hold.camera,
            "docking": hold.docking,
            "path": base64.urlsafe_b64encode(hold.path).decode(),
            "key": hold.key,
            "why": hold.why,
            "actor": hold.actor,
            "waiting": hold.waiting,
        }
        for hold in sorted(holds, key=lambda hold: hold.identity)
    ]
    return canonical({"format": FORMAT, "holds": rows}) + b"\n"


def decode(content: bytes) -> Sequence[Hold]:
    """Return the holds in ``content``.

    Raises:
        ValueError: it is not what `encode` wrote.
    """
    try:
        document = json.loads(content)
    except RecursionError:
        message = "this is nested too deeply to be a list of holds"
        raise ValueError(message) from None
    match document:
        case {"format": "dockd-holds/1", "holds": list(rows)}:
            return [_hold_from(row) for row in rows]
        case _:
            message = "this is not a list of holds"
            raise ValueError(message)


def _hold_from(row: Mapping[str, JsonValue]) -> Hold:
    match row:
        case {
            "kind": ("clip" | "docking" | "camera") as kind,
            "hold": ("error" | "legal") as hold,
            "camera": str(camera),
            "docking": str(docking),
            "path": str(path),
            "key": str(key),
            "why": str(why),
            "actor": str(actor),
            "waiting": bool(waiting),
        }:
            return Hold(
                kind=kind,
                hold=hold,
                camera=camera,
                docking=docking,
                path=_raw(path),
                key=key,
                why=why,
                actor=actor,
                waiting=waiting,
            )
        case _:
            message = "one of the holds is not whole"
            raise ValueError(message)


def _raw(path: str) -> bytes:
    try:
        return base64.b64decode(path, altchars=b"-_", validate=True)
    except binascii.Error as error:
        message = f"the path of a hold is not base64url: {error}"
        raise ValueError(message) from error
