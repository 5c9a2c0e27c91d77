"""Sidecars: what the spool keeps beside each clip, so that a lost ledger can be rebuilt from it.

A sidecar is one JSON object in canonical form (sorted members, no white space) and a newline. It
holds what was proven of the clip when it was kept, and ``check``, the SHA-256 of the object
without that member, so that a damaged sidecar is never taken for evidence. What happened to the
clip later (receipts, a wipe) is not in it: a rebuilt ledger asks the stores and the camera again.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Final

from dockd.core.clip import Clip, SpoolCopy
from dockd.core.facts import JsonValue

SUFFIX: Final = ".dockd.json"
FORMAT: Final = "dockd-sidecar/1"
_SHA256_HEX_DIGITS: Final = 64
_XXH128_HEX_DIGITS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What the spool keeps beside a clip; times are RFC 3339 UTC.

    ``recorded_at`` is when the camera recorded the clip, by its own clock; ``verified_at`` is when
    the spool's copy was read back from the device.
    """

    clip: Clip
    recorded_at: str
    verified_at: str


def encode(clip: Clip, *, recorded_at: str, verified_at: str) -> bytes:
    """Return the sidecar of a clip whose spool copy is proven.

    Raises:
        ValueError: the clip has no digests or no key yet, so there is nothing to vouch for.
    """
    if clip.sha256 is None or clip.xxh128 is None or clip.key is None:
        message = f"clip {clip.number} is not verified and has no sidecar"
        raise ValueError(message)
    members: dict[str, JsonValue] = {
        "format": FORMAT,
        "clip": clip.number,
        "camera": clip.camera,
        "birth_docking": clip.birth_docking,
        "docking": clip.docking,
        "seen_in": list(clip.seen_in),
        "slot": clip.slot,
        "path": base64.urlsafe_b64encode(clip.path).decode(),
        "size_bytes": clip.size_bytes,
        "mtime_ns": clip.mtime_ns,
        "flagged": clip.flagged,
        "copied_in": list(clip.copied_in),
        "hashed_in": clip.hashed_in,
        "sha256": clip.sha256,
        "xxh128": clip.xxh128,
        "key": clip.key,
        "stored_size_bytes": clip.stored_size_bytes,
        "part_size_bytes": clip.part_size_bytes,
        "part_sha256": list(clip.part_sha256),
        "proof": clip.proof,
        "partial": clip.partial,
        "recorded_at": recorded_at,
        "verified_at": verified_at,
    }
    return _canonical({**members, "check": _check(members)}) + b"\n"


def decode(content: bytes) -> Sidecar:
    """Return what a sidecar says; its clip is proven in the spool and present on its camera.

    That the clip is still on its camera is assumed, never known: a wipe asks the camera anyway,
    while a clip that was assumed gone would be a false alarm.

    Raises:
        ValueError: this is no sidecar, or not as it was written; the message says why.
    """
    members = _Members(_checked_members(content))
    partial = members.flag("partial")
    sha256 = members.digest("sha256", digits=_SHA256_HEX_DIGITS)
    clip = Clip(
        number=members.count("clip"),
        camera=members.text("camera"),
        birth_docking=members.text("birth_docking"),
        docking=members.text("docking"),
        seen_in=members.texts("seen_in"),
        slot=members.text("slot"),
        path=members.raw_path("path"),
        size_bytes=members.count("size_bytes"),
        mtime_ns=members.integer("mtime_ns"),
        flagged=members.flag("flagged"),
        spool_copy=SpoolCopy.PROVEN,
        copied=not partial,
        copied_in=members.texts("copied_in"),
        hashed_in=members.text_or_none("hashed_in"),
        copied_sha256=None if partial else sha256,
        sha256=sha256,
        xxh128=members.digest("xxh128", digits=_XXH128_HEX_DIGITS),
        key=members.text("key"),
        stored_size_bytes=members.count("stored_size_bytes"),
        part_size_bytes=members.count("part_size_bytes"),
        part_sha256=members.texts("part_sha256"),
        proof=members.text_or_none("proof"),
        partial=partial,
    )
    return Sidecar(
        clip=clip,
        recorded_at=members.text("recorded_at"),
        verified_at=members.text("verified_at"),
    )


def _canonical(members: dict[str, JsonValue]) -> bytes:
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode()


def _check(members: dict[str, JsonValue]) -> str:
    return hashlib.sha256(_canonical(members)).hexdigest()


def _checked_members(content: bytes) -> dict[str, JsonValue]:
    try:
        members = json.loads(content)
    except (ValueError, RecursionError) as error:
        message = f"not JSON: {error}"
        raise ValueError(message) from None
    if not isinstance(members, dict) or members.get("format") != FORMAT:
        message = f"not of the format {FORMAT}"
        raise ValueError(message)
    claimed = members.pop("check", None)
    if claimed != _check(members):
        message = "its content is not what was written: the check differs"
        raise ValueError(message)
    return members


class _Members:
    """The members of a sidecar, each fetched with its type."""

    def __init__(self, members: dict[str, JsonValue]) -> None:
        self._members = members

    def text(self, name: str) -> str:
        value = self._members.get(name)
        if isinstance(value, str) and value:
            return value
        raise _wrong(name)

    def text_or_none(self, name: str) -> str | None:
        return None if self._members.get(name) is None else self.text(name)

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._members.get(name)
        if not isinstance(values, list):
            raise _wrong(name)
        texts = tuple(value for value in values if isinstance(value, str))
        if len(texts) != len(values):
            raise _wrong(name)
        return texts

    def integer(self, name: str) -> int:
        value = self._members.get(name)
        # JSON's true is an int to Python, and never a size.
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise _wrong(name)

    def count(self, name: str) -> int:
        value = self.integer(name)
        if value < 0:
            raise _wrong(name)
        return value

    def flag(self, name: str) -> bool:
        value = self._members.get(name)
        if isinstance(value, bool):
            return value
        raise _wrong(name)

    def digest(self, name: str, *, digits: int) -> str:
        value = self.text(name)
        if len(value) == digits and set(value) <= set("0123456789abcdef"):
            return value
        raise _wrong(name)

    def raw_path(self, name: str) -> bytes:
        try:
            return base64.b64decode(self.text(name), altchars=b"-_", validate=True)
        except binascii.Error:
            raise _wrong(name) from None


def _wrong(name: str) -> ValueError:
    return ValueError(f"the member {name} is missing or of another type")
