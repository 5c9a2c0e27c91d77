"""Receipts: what a store's answer proves, and how strongly (DESIGN.md section 4)."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dockd.core.facts import Strength

How = Literal["checksum", "read-back", "size", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a store is to hold: the clip's key, size, SHA-256 in hex and its parts' SHA-256."""

    key: str
    size_bytes: int
    sha256: str
    part_size_bytes: int
    part_sha256: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a store says that it holds, or what was read back from it.

    ``checksum`` is the store's own SHA-256 of what it stored: base64, with ``-N`` behind a
    composite of N parts (Amazon S3 API, "Checking object integrity"). ``read_back_sha256`` is the
    hex SHA-256 of the whole object, read back and hashed here.
    """

    size_bytes: int
    version: str
    checksum: str | None = None
    read_back_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How far this store's own checksums are worth something.

    ``refuses_wrong_checksums``: this endpoint refused a deliberately wrong part checksum lately.
    ``authentic``: the answer came over TLS or loopback, so that it is the store's answer at all.
    """

    refuses_wrong_checksums: bool
    authentic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What an answer is worth: a receipt of some strength, or proof of other content."""

    outcome: Literal["receipt", "conflict"]
    strength: Strength
    how: How


def composite_sha256(part_sha256: Sequence[str]) -> str:
    """Return S3's composite: base64 SHA-256 of the parts' digests, ``-`` and their count."""
    joined = b"".join(bytes.fromhex(digest) for digest in part_sha256)
    return f"{base64.b64encode(hashlib.sha256(joined).digest()).decode()}-{len(part_sha256)}"


def whole_sha256(sha256: str) -> str:
    """Return a hex SHA-256 as S3 writes the checksum of an object that was put in one request."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def judge(found: Found, *, expected: Expected, trust: Trust) -> Judgement:
    """Return what ``found`` proves about ``expected``; a 200 or a 412 alone proves nothing.

    Content that was read back here decides over everything the store says of itself.
    """
    if found.size_bytes != expected.size_bytes:
        return _CONFLICT
    if found.read_back_sha256 is not None:
        if found.read_back_sha256 != expected.sha256:
            return _CONFLICT
        return _receipt("digest" if trust.authentic else "size", "read-back")
    if found.checksum is None:
        return _receipt("size", "size")
    return _judge_checksum(found.checksum, expected=expected, trust=trust)


def _judge_checksum(checksum: str, *, expected: Expected, trust: Trust) -> Judgement:
    accepted = {whole_sha256(expected.sha256), composite_sha256(expected.part_sha256)}
    if checksum in accepted:
        proves = trust.refuses_wrong_checksums and trust.authentic
        return _receipt("digest" if proves else "size", "checksum" if proves else "size")
    if _comparable(checksum, expected=expected):
        return _CONFLICT
    # A composite over parts of another size says nothing about the same bytes either way.
    return _receipt("size", "size")


def _comparable(checksum: str, *, expected: Expected) -> bool:
    _, dash, count = checksum.partition("-")
    return not dash or count == str(len(expected.part_sha256))


def _receipt(strength: Strength, how: How) -> Judgement:
    return Judgement(outcome="receipt", strength=strength, how=how)


_CONFLICT = Judgement(outcome="conflict", strength="size", how="none")
