"""A command that central signed: what it says, and whether this station takes it.

A broker carries it, and whoever has the broker may repeat it, keep it back, turn it to another
station or send what is none. So a command names its station, counts once, and ends minutes after it
was signed; what time it is must be vouched for (`core/vouching`). There is no command that lifts a
hold, and none that names an algorithm.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from dockd.core.facts import CommandTaken, HoldKind

FORMAT: Final = "dockd-command/1"
# Longer than any command, whose longest part is its why.
MOST_BYTES: Final = 16 * 1024
# How far ahead a command may end: as long it can be repeated to a record that was restored.
LONGEST_S: Final = 15 * 60.0
MOST_WHY: Final = 2000
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_NONCE: Final = re.compile(r"[0-9a-f]{32}")
_SUBJECT: Final = re.compile(r"(clip|docking|camera) ([^\n].*)", re.DOTALL)

Verb = Literal["pause-uploads", "resume-uploads", "prioritise", "hold"]
Kind = Literal["clip", "docking", "camera"]
VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
_COMMON: Final = frozenset({"format", "site", "station", "nonce", "expires", "command", "why"})
# What a command says beyond that.
MORE: Final[Mapping[Verb, frozenset[str]]] = {
    "pause-uploads": frozenset(),
    "resume-uploads": frozenset(),
    "prioritise": frozenset({"subject"}),
    "hold": frozenset({"subject", "kind"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What central asks of one station; ``subject`` and ``hold`` are None where there is none.

    It ends at ``expires`` (UTC), and ``nonce`` is said once and never again.
    """

    site: str
    station: str
    nonce: str
    expires: datetime
    verb: Verb
    why: str
    subject: tuple[Kind, str] | None = None
    hold: HoldKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The commands that count no more: those with these nonces, and any that ended by ``until``.

    ``nonces`` leads to when each command ends. Forgotten is only what ended by ``until``, so that a
    clock that is set back makes nothing new.
    """

    nonces: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    until: datetime | None = None

    def written(self) -> dict[str, Any]:
        """Return it as JSON values."""
        until = None if self.until is None else said(self.until)
        return {"until": until, "nonces": {name: said(end) for name, end in self.nonces.items()}}

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "Taken":
        """Return what `written` wrote."""
        until = content["until"]
        return cls(
            nonces={name: _time(end) for name, end in content["nonces"].items()},
            until=None if until is None else _time(until),
        )


def parse(document: bytes) -> Command:
    """Return the command in a document whose signature was found good.

    Raises:
        ValueError: any of it cannot be understood, or it says more than a command does.
    """
    try:
        content = json.loads(document)
        # Half of a character is in no name and could not go on record.
        json.dumps(content, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    match content:
        case {"format": "dockd-command/1", "command": str(verb)}:
            return _command_of(_verb(verb), content)
        case _:
            raise ValueError("it is not a command")


def why_refused(
    command: Command, *, site: str, station: str, now: datetime | None, taken: Taken
) -> str | None:
    """Return why a signed command is not taken here and now; None when it is.

    ``now`` is the time in UTC as far as somebody vouches for it, else None.
    """
    if (command.site, command.station) != (site, station):
        return f"it is for station {command.station} of {command.site}"
    if now is None:
        return (
            "nobody can tell whether it has ended: the station's clock is not synchronised, and no "
            "store that is reached safely (https, or on this machine) has told the time"
        )
    if command.expires <= _latest(now, taken):
        return f"it ended at {said(command.expires)}"
    if (command.expires - now).total_seconds() > LONGEST_S:
        return f"it ends at {said(command.expires)}, over {LONGEST_S / 60:.0f} minutes from now"
    if command.nonce in taken.nonces:
        return "it was taken before"
    return None


def fact_of(command: Command, *, key: str, now: datetime, taken: Taken) -> CommandTaken:
    """Return what goes on record of a command that `why_refused` lets through."""
    return CommandTaken(
        key=key,
        nonce=command.nonce,
        expires=said(command.expires),
        at=said(_latest(now, taken)),
        command=command.verb,
        subject="" if command.subject is None else " ".join(command.subject),
    )


def remembered(taken: Taken, fact: CommandTaken) -> Taken:
    """Return what counts no more after a command was taken; what ended by then is forgotten."""
    until = _time(fact.at)
    kept = {nonce: end for nonce, end in taken.nonces.items() if end > until}
    return Taken(nonces={**kept, fact.nonce: _time(fact.expires)}, until=until)


def said(moment: datetime) -> str:
    """Return a time as a command says it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _latest(now: datetime, taken: Taken) -> datetime:
    return now if taken.until is None else max(now, taken.until)


def _verb(text: str) -> Verb:
    for verb in VERBS:
        if verb == text:
            return verb
    raise ValueError(f"there is no command {text!r}")


def _command_of(verb: Verb, content: Mapping[str, Any]) -> Command:
    if content.keys() != _COMMON | MORE[verb]:
        raise ValueError(f"{verb} says {', '.join(sorted(_COMMON | MORE[verb]))}, and no more")
    match content:
        case {"site": str(site), "station": str(station), "nonce": str(nonce), "why": str(why)} if (
            _NONCE.fullmatch(nonce) and why.strip() and len(why) <= MOST_WHY
        ):
            return Command(
                site=site,
                station=station,
                nonce=nonce,
                expires=_time(content["expires"]),
                verb=verb,
                why=why,
                subject=_subject(content["subject"]) if "subject" in content else None,
                hold=_hold(content["kind"]) if "kind" in content else None,
            )
        case _:
            raise ValueError(
                f"it does not name its site and station, a nonce of 32 hex digits, and a why of at "
                f"most {MOST_WHY} characters"
            )


def _subject(text: object) -> tuple[Kind, str]:
    found = _SUBJECT.fullmatch(text) if isinstance(text, str) else None
    match found.groups() if found else ():
        case (("clip" | "docking" | "camera") as kind, str(name)):
            return kind, name
        case _:
            raise ValueError('its subject is not "clip ID", "docking ID" or "camera SERIAL"')


def _hold(text: object) -> HoldKind:
    match text:
        case "error" | "legal":
            return text
        case _:
            raise ValueError('its kind of hold is neither "error" nor "legal"')


def _time(text: object) -> datetime:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise ValueError("it does not say when it ends (as 2026-11-23T02:00:00Z)")
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
