"""Takes the commands that central signed, and has them carried out as any other order.

Whatever comes is a stranger's until its signature was found good, and even then it may be an old
one or another station's: `core/command` decides. A command is on record in the transaction in which
it is carried out, or with why nothing came of it; what is not central's own never gets there, so
that nobody fills the record by sending.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final, assert_never

from dockd.core import command
from dockd.core.command import Command
from dockd.core.facts import CommandTaken
from dockd.errors import CommandRefused, DockdError, MqttRefused, NotFound, Refused
from dockd.ports.broker import Told
from dockd.ports.clock import Clock
from dockd.ports.commands import Seal
from dockd.ports.ledger import Ledger
from dockd.ports.station import Order, StationActions, SubjectKind, UplinkOrder
from dockd.stages.problems import ProblemBoard

SUBJECT: Final = "commands"
TROUBLES: Final = (CommandRefused.slug, MqttRefused.slug)
# Each costs a signature to check, and nobody has more than a few to give.
_PAUSE_S: Final = 0.1
# One that was refused is said for so long, and whatever else is refused meanwhile is not said anew.
_SAID_S: Final = 15 * 60.0
_LOOK_S: Final = 60.0
_KINDS: Final[dict[command.Kind, SubjectKind]] = {
    "clip": "clips",
    "docking": "dockings",
    "camera": "cameras",
}


class Heed:
    """One station's ear for commands; `take` has them one after another."""

    def __init__(
        self,
        seal: Seal,
        *,
        site: str,
        station: str,
        ledger: Ledger,
        actions: StationActions,
        problems: ProblemBoard,
        clock: Clock,
        now: Callable[[], datetime | None],
    ) -> None:
        """``now`` is the time in UTC as far as somebody vouches for it, else None."""
        self._seal = seal
        self._site = site
        self._station = station
        self._ledger = ledger
        self._actions = actions
        self._problems = problems
        self._clock = clock
        self._now = now
        self._refused_s = clock.monotonic_s()

    async def take(self, told: Told) -> None:
        """Carry out what came, or say why not; returns after a little while in any case."""
        if told.overflowed:
            await self._refused("more came at once than are looked at, and some were lost")
        try:
            await self._take(told)
        except DockdError as error:
            await self._refused(error.reason)
        await self._clock.sleep(_PAUSE_S)

    async def listening(self, *, refused: str | None) -> None:
        """Say whether the broker lets the station listen: ``refused`` is why it does not."""
        if refused is None:
            await self._problems.clear(MqttRefused.slug, subject=SUBJECT)
        else:
            await self._problems.open(MqttRefused.slug, subject=SUBJECT, reason=refused)

    async def run(self) -> None:
        """Let go of what was refused a while ago, until cancelled."""
        while True:
            if self._clock.monotonic_s() - self._refused_s >= _SAID_S:
                await self._problems.clear(CommandRefused.slug, subject=SUBJECT)
            await self._clock.sleep(_LOOK_S)

    async def _refused(self, reason: str) -> None:
        self._refused_s = self._clock.monotonic_s()
        await self._problems.open_or_reword(
            CommandRefused.slug, subject=SUBJECT, reason=f"It was not taken: {reason}."
        )

    async def _take(self, told: Told) -> None:
        if told.retained:
            raise CommandRefused("it was retained: the broker repeats it to whoever comes")
        signed = self._seal.opened(told.payload)
        try:
            asked = command.parse(signed.document)
        except ValueError as error:
            raise CommandRefused(f"it cannot be used: {error}") from error
        now, taken = self._now(), await self._ledger.commands_taken()
        refused = command.why_refused(
            asked, site=self._site, station=self._station, now=now, taken=taken
        )
        if now is None or refused is not None:
            raise CommandRefused(refused or "")
        await self._carry_out(
            asked, fact=command.fact_of(asked, key=signed.key, now=now, taken=taken)
        )

    async def _carry_out(self, asked: Command, *, fact: CommandTaken) -> None:
        try:
            await self._actions.carry_out(_order(asked, fact=fact))
        except (NotFound, Refused) as error:
            # It counted all the same: what makes no sense now must not be repeated until it does.
            # Of an order about many clips it is on record with the first of them.
            if fact.nonce not in (await self._ledger.commands_taken()).nonces:
                await self._ledger.record(replace(fact, refused=error.reason))
            raise


def _order(asked: Command, *, fact: CommandTaken) -> Order | UplinkOrder:
    actor = f"central (mqtt, key {fact.key})"
    match asked.verb:
        case "pause-uploads":
            return UplinkOrder(verb="pause", why=asked.why, actor=actor, command=fact)
        case "resume-uploads":
            return UplinkOrder(verb="resume", why=asked.why, actor=actor, command=fact)
        case "prioritise" | "hold":
            kind, reference = asked.subject or ("clip", "")
            return Order(
                verb=asked.verb,
                kind=_KINDS[kind],
                reference=reference,
                why=asked.why,
                hold=asked.hold or "error",
                actor=actor,
                command=fact,
            )
        case _:
            assert_never(asked.verb)
