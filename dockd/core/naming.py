"""Names that others build against: store keys, clip and docking ids (DESIGN.md sections 5, 9)."""

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
_COMPONENT_LIMIT: Final = 255
_COMPONENT_KEPT: Final = 200
_KEY_LIMIT_BYTES: Final = 1024
_ID_DIGITS: Final = 16


def component(raw: bytes) -> str:
    """Return one path component in a form every store and file system accepts.

    Bytes outside ``[A-Za-z0-9._-]`` become ``%XX``. A result over 255 bytes becomes its first
    200, ``~`` and 16 hex digits of the SHA-256 of the raw component, so that two long names that
    differ only at the end stay two names. ``.`` and ``..`` are escaped, for they would walk.
    """
    if raw in {b".", b".."}:
        return "%2E" * len(raw)
    escaped = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in raw)
    if len(escaped) <= _COMPONENT_LIMIT:
        return escaped
    return f"{escaped[:_COMPONENT_KEPT]}~{hashlib.sha256(raw).hexdigest()[:_ID_DIGITS]}"


def safe_path(path: bytes) -> str:
    """Return a camera's raw path with every component escaped; it never leaves its folder."""
    return "/".join(component(part) for part in path.split(b"/") if part)


def store_key(camera: str, *, sha256: str, path: bytes) -> str:
    """Return where a store keeps a clip: the same content is the same key, whoever sends it."""
    prefix = f"{component(camera.encode())}/{sha256}"
    key = f"{prefix}/{safe_path(path)}"
    if len(key) <= _KEY_LIMIT_BYTES:
        return key
    return f"{prefix}/~/{hashlib.sha256(path).hexdigest()}"


def manifest_key(camera: str, *, docking: str) -> str:
    """Return where a store keeps the manifest of one docking."""
    return f"{manifests_of(camera)}{docking}.json"


def manifests_of(camera: str) -> str:
    """Return the beginning of the keys of all manifests of a camera's dockings."""
    return f"{component(camera.encode())}/dockings/"


def clip_id(key: str) -> str:
    """Return the id of a clip whose content is known: 16 hex digits of its key's SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:_ID_DIGITS]


def provisional_id(camera: str, *, docking: str, path: bytes) -> str:
    """Return the id of a clip whose digest is not known yet.

    The parts are length-prefixed, so that no two different triples can read the same.
    """
    hasher = hashlib.sha256()
    for part in (camera.encode(), docking.encode(), path):
        hasher.update(len(part).to_bytes(4, "big"))
        hasher.update(part)
    return hasher.hexdigest()[:_ID_DIGITS]


def docking_id(when: datetime, *, random_bytes: bytes) -> str:
    """Return the id of a docking, ``YYYYMMDDTHHMMSSZ-xxxxxxxx``; ``when`` is in UTC."""
    return f"{when:%Y%m%dT%H%M%SZ}-{random_bytes[:4].hex()}"


# Asked for every clip of a queue, of which thousands may come from one docking.
@lru_cache(maxsize=256)
def docked_at(docking: str) -> datetime:
    """Return when a docking began, by the station's clock, from its id; in UTC."""
    return datetime.strptime(docking.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
