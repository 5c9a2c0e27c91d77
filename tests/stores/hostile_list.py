"""The issue's list of what a store may do, and what becomes of the clip over S3 and over tus.

`LIST` is the list's own words, so that the cases can be held against it: every noun of it has, for
each protocol, either a case or the reason why the protocol cannot do it. `test_hostile` runs every
case over plain HTTP and over TLS.
"""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.fakes.broken_s3 import Answer, Heard, Reset
from tests.station.spool_parts import PART
from tests.stores.hostile_scene import Meddle, S3Server, Said, Scene, TusServer

LIST: Final = (
    "early 503 + Retry-After in mid-body (closing, holding, draining), resets at every byte offset "
    "class, replies lost after the server acted (create, part, complete, last PATCH), 200 with an "
    "error body, checksums ignored, wrong composite, offsets that go backwards or past the end, "
    "uploads that expired during an outage, objects that vanish after the receipt (found by "
    "`dockd verify --store`, which re-opens the clip while the spool still has it), the same key "
    "with other content, slow-loris replies, gzip bombs in error bodies, redirects to another host "
    "(credentials do not follow)"
)
BETWEEN: Final = frozenset({"or"})
PROTOCOLS: Final = ("s3", "tus")


class Ending(StrEnum):
    """What becomes of a clip; in none of them is its camera cleared while the store lacks it."""

    ONCE = "stored once"
    """It is stored without anybody's help, and its camera cleared."""
    LATER = "retried later"
    """While it lasts nothing is stored or cleared and that is said; then it is stored once."""
    HELD = "held with a reason"
    """A person has to look; the camera keeps it."""
    UNPROVEN = "stored, and kept on its camera with a reason"
    """The store has it and cannot prove it: that is said, and the camera keeps it."""
    AGAIN = "stored again"
    """The store lost what it had; it gets it again, and then the camera is cleared."""


@dataclass(frozen=True)
class Case:
    """What a store does, as a meddler made for one scene, and what becomes of the clip.

    ``says`` is the problem that tells of it, where there has to be one; ``times`` is how often the
    store does it at the least before the clip has its ending.
    """

    ending: Ending
    does: Callable[[Scene], Meddle]
    says: str = ""
    times: int = 1


def _nothing(_: Heard) -> None:
    return None


def _always(about: str, said: Said) -> Callable[[Scene], Meddle]:
    """Answer all requests of some kinds in one way."""
    return lambda _: lambda heard: said if _what(heard) in about.split() else None


def _first(about: str, *answers: Said) -> Callable[[Scene], Meddle]:
    """Give these answers to the first requests of some kinds, and no more."""

    def does(_: Scene) -> Meddle:
        left = list(answers)
        return lambda heard: left.pop(0) if left and _what(heard) in about.split() else None

    return does


def _lost(about: str, *, nth: int = 1) -> Callable[[Scene], Meddle]:
    """Act on the nth request of a kind as is right, and hang up in place of the reply."""

    def does(scene: Scene) -> Meddle:
        seen = 0

        def meddle(heard: Heard) -> Said | None:
            nonlocal seen
            seen += _what(heard) == about
            if _what(heard) != about or seen != nth:
                return None
            scene.server.well(heard)
            return Reset(after_body_bytes=_size(heard))

        return meddle

    return does


def _what(heard: Heard) -> str:
    """Return a request's kind: S3's word for it, or tus's method."""
    return heard.about if heard.path.startswith("/footage") else heard.method


def _size(heard: Heard) -> int:
    return int(heard.headers.get("content-length", "0"))


def _busy(then: str) -> Answer:
    return Answer(503, headers={"Retry-After": "1"}, after_body_bytes=1000, then=then)  # type: ignore[arg-type]  # one of the three


def _then_expired(about: str) -> Callable[[Scene], Meddle]:
    """Break the second part off, and come back without the upload."""

    def does(scene: Scene) -> Meddle:
        seen = 0

        def meddle(heard: Heard) -> Said | None:
            nonlocal seen
            seen += _what(heard) == about
            if _what(heard) != about or seen != 2:
                return None
            seen += 1
            scene.server.forget()
            return Reset(after_body_bytes=1000)

        return meddle

    return does


def _parts_and_questions(part: Said, question: Said) -> Callable[[Scene], Meddle]:
    """Answer parts in one way, and in another the questions that come behind the first of them."""

    def does(_: Scene) -> Meddle:
        asked_for_parts = False

        def meddle(heard: Heard) -> Said | None:
            nonlocal asked_for_parts
            if _what(heard) in {"part", "PATCH"}:
                asked_for_parts = True
                return part
            of_them = asked_for_parts and _what(heard) in {"list-parts", "HEAD"}
            return question if of_them else None

        return meddle

    return does


def _elsewhere(scene: Scene) -> Meddle:
    moved = Answer(307, headers={"Location": f"{scene.elsewhere.endpoint}/footage/there"})
    return _parts_and_questions(moved, moved)(scene)


def _lost_before_the_wipe(scene: Scene) -> Meddle:
    """Lose the clip once its receipt is on record, at the very question that repeats it."""
    lost = False

    def meddle(heard: Heard) -> Said | None:
        nonlocal lost
        if _what(heard) in {"head", "GET"} and scene.has_receipt() and not lost:
            lost = True
            scene.server.lose()
        return None

    return meddle


def _other_object(scene: Scene) -> Meddle:
    server = scene.server
    assert isinstance(server, S3Server)

    def meddle(heard: Heard) -> Said | None:
        if _what(heard) == "head" and heard.path.count("/") > 1:
            server.put_other(heard.path)
        return None

    return meddle


def _other_receipt(scene: Scene) -> Meddle:
    assert isinstance(scene.server, TusServer)
    other = scene.server.receipt_of("0" * 64)
    return lambda heard: other if _what(heard) == "GET" else None


def _wrong_composite(scene: Scene) -> Meddle:
    def meddle(heard: Heard) -> Said | None:
        if _what(heard) != "complete":
            return None
        right = scene.server.well(heard)
        return Answer(body=right.body.replace(b"<ChecksumSHA256>", b"<ChecksumSHA256>AAAA"))

    return meddle


def _back_to_nothing(scene: Scene) -> Meddle:
    """Lose what arrived, once, and say so in the reply to the second part."""
    server = scene.server
    assert isinstance(server, TusServer)
    seen = 0

    def meddle(heard: Heard) -> Said | None:
        nonlocal seen
        seen += _what(heard) == "PATCH"
        if _what(heard) != "PATCH" or seen != 2:
            return None
        seen += 1
        return server.shrunk(heard.path)

    return meddle


_BUSY: Final = Answer(503, headers={"Retry-After": "1"})
_RESETS: Final = tuple(Reset(after_body_bytes=at) for at in (0, 1, PART // 2, PART - 1, PART))
_INNER: Final = Answer(200, b"<Error><Code>InternalError</Code></Error>", {"ETag": '"e"'})
_DRIPS: Final = Answer(200, headers={"ETag": '"e"', "Upload-Offset": "1"}, drip_s=0.05)
_BOMB: Final = Answer(500, gzip.compress(bytes(50_000_000)), {"Content-Encoding": "gzip"})
_PAST: Final = Answer(204, headers={"Upload-Offset": "999999999"})


def _both(s3: Case | str, tus: Case | str) -> Mapping[str, Case | str]:
    return {"s3": s3, "tus": tus}


def _alike(
    ending: Ending, does: Callable[[], Callable[[Scene], Meddle]], says: str = ""
) -> Mapping[str, Case | str]:
    return _both(Case(ending, does(), says), Case(ending, does(), says))


def _early(then: str) -> Mapping[str, Case | str]:
    return _alike(Ending.LATER, lambda: _parts_and_questions(_busy(then), _BUSY), "store-busy")


_NO_OFFSETS: Final = "S3 takes parts in any order and tells no offset"
_NO_OBJECTS: Final = "tus makes no object of its parts: an upload is whole with its last byte"

CASES: Final[Mapping[str, Mapping[str, Case | str]]] = {
    "early 503 + Retry-After in mid-body (closing": _early("close"),
    "holding": _early("hold"),
    "draining)": _early("drain"),
    "resets at every byte offset class": _both(
        Case(Ending.ONCE, _first("part", *_RESETS), times=len(_RESETS)),
        Case(Ending.ONCE, _first("PATCH", *_RESETS), times=len(_RESETS)),
    ),
    "replies lost after the server acted (create": _both(
        Case(Ending.ONCE, _lost("create")), Case(Ending.ONCE, _lost("POST"))
    ),
    "part": _both(Case(Ending.ONCE, _lost("part")), Case(Ending.ONCE, _lost("PATCH"))),
    "complete": _both(Case(Ending.ONCE, _lost("complete")), _NO_OBJECTS),
    "last PATCH)": _both(
        "S3 has no PATCH; its last part is a part like the others",
        Case(Ending.ONCE, _lost("PATCH", nth=3)),
    ),
    "200 with an error body": _both(
        Case(Ending.LATER, _always("part complete", _INNER), "store-busy"),
        Case(Ending.LATER, _always("PATCH", _INNER), "store-unreachable"),
    ),
    "checksums ignored": _alike(Ending.UNPROVEN, lambda: lambda _: _nothing, "store-unproven"),
    "wrong composite": _both(
        Case(Ending.HELD, _wrong_composite, "store-checksum-mismatch"), _NO_OBJECTS
    ),
    "offsets that go backwards": _both(_NO_OFFSETS, Case(Ending.ONCE, _back_to_nothing)),
    "past the end": _both(_NO_OFFSETS, Case(Ending.ONCE, _first("PATCH", _PAST))),
    "uploads that expired during an outage": _both(
        Case(Ending.ONCE, _then_expired("part")), Case(Ending.ONCE, _then_expired("PATCH"))
    ),
    "objects that vanish after the receipt (found by `dockd verify --store`, which re-opens the "
    "clip while the spool still has it)": _alike(Ending.AGAIN, lambda: _lost_before_the_wipe),
    "the same key with other content": _both(
        Case(Ending.HELD, _other_object, "store-conflict"),
        Case(Ending.HELD, _other_receipt, "store-conflict"),
    ),
    "slow-loris replies": _alike(
        Ending.LATER, lambda: _parts_and_questions(_DRIPS, _DRIPS), "store-unreachable"
    ),
    "gzip bombs in error bodies": _alike(
        Ending.LATER, lambda: _parts_and_questions(_BOMB, _BOMB), "store-busy"
    ),
    "redirects to another host (credentials do not follow)": _alike(
        Ending.LATER, lambda: _elsewhere, "store-unreachable"
    ),
}

TEST: Final = "tests/stores/test_hostile.py::test_what_becomes_of_a_clip"


ALSO: Final[Mapping[str, str]] = {
    "objects that vanish after the receipt (found by `dockd verify --store`, which re-opens the "
    "clip while the spool still has it)": (
        "tests/daemon/test_verifying.py::test_what_a_store_lost_is_found_and_sent_again"
    ),
}
"""What of a noun a whole daemon shows, whatever the protocol."""


def cell(noun: str, protocol: str, way: str) -> str:
    """Return the node id of the test of one noun, over one protocol, in one way."""
    return f"{TEST}[{protocol}-{noun}-{way}]"
