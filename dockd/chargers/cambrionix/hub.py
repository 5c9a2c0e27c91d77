"""A hub as its commands see it: every mode is read back, and a hub in error is brought round.

Source: Cambrionix, Command Line Interface User Manual (2023): mode, state, cef, crf, reboot, ledb.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dockd.chargers.cambrionix import parsing
from dockd.chargers.cambrionix.parsing import Health, Limits, Ports, PortState
from dockd.chargers.cambrionix.wire import Wire
from dockd.core.port_power import PortMode
from dockd.errors import ChargerUnreachable, PortNotSwitchable

# The hub chooses the charging profile itself: which camera comes next is not known.
_LETTERS: Final = {PortMode.SYNC: "s", PortMode.CHARGE: "c", PortMode.OFF: "o"}
REFUSED_IN_ERROR: Final = "E422"
"""What a hub with its error flag set answers until it is cleared or rebooted."""
_LOOKS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a hub is waited for, in seconds."""

    answer_s: float = 2.0
    look_again_s: float = 0.25
    reboot_s: float = 20.0


class Hub:
    """One hub behind one wire; whoever calls sees to it that nobody else does meanwhile."""

    def __init__(self, wire: Wire, *, patience: Patience) -> None:
        """Speak over ``wire``."""
        self._wire = wire
        self._patience = patience

    async def ports(self) -> Ports:
        """Read all ports; a garbled answer is asked for once more.

        Raises:
            ChargerUnreachable: no answer.
        """
        first = parsing.ports(await self._wire.ask("state"))
        if not first.refused and first.by_port:
            return first
        return parsing.ports(await self._wire.ask("state"))

    async def port(self, port: int) -> PortState | None:
        """Read one port; None where the hub has none, or says what cannot be."""
        return parsing.ports(await self._wire.ask(f"state {port}")).by_port.get(port)

    async def health(self) -> Health:
        """Read the supply's voltage, the temperature and the error flags."""
        return parsing.health(await self._wire.ask("health"))

    async def limits(self) -> Limits:
        """Read at which voltages and temperature the hub itself gives up."""
        return parsing.limits(await self._wire.ask("limits"))

    async def put(self, port: int, mode: PortMode, *, may_reboot: bool) -> bool:
        """Put a port into a mode and read back that it is; tell whether the hub was rebooted.

        A hub that refuses because it is in error is cleared and, where that does not help,
        rebooted: that takes every port's data away for seconds, so only if the caller may.

        Raises:
            PortNotSwitchable: the port stayed as it was, or there is none.
            ChargerUnreachable: no answer.
        """
        command = f"mode {_LETTERS[mode]} {port}"
        answer = await self._wire.ask(command)
        was_rebooted = False
        if parsing.error_code(answer) == REFUSED_IN_ERROR:
            await self._wire.ask("cef")
            answer = await self._wire.ask(command)
            if parsing.error_code(answer) == REFUSED_IN_ERROR:
                if not may_reboot:
                    raise PortNotSwitchable(
                        f"The hub is in error and refuses to switch port {port}; it is not "
                        "rebooted while cameras are connected through it.",
                        slug="hub-error",
                        next_step="Check the hub's power supply; take the cameras out to let it "
                        "be rebooted.",
                        port=port,
                    )
                await self.reboot()
                was_rebooted = True
                answer = await self._wire.ask(command)
        await self._read_back(port, mode, answer)
        return was_rebooted

    async def _read_back(self, port: int, mode: PortMode, answer: Sequence[str]) -> None:
        code = parsing.error_code(answer)
        if code is not None:
            raise PortNotSwitchable(
                f"The hub answered {code} when port {port} was to be {mode}.", port=port, code=code
            )
        for _ in range(_LOOKS):
            state = await self.port(port)
            if state is not None and state.mode is mode:
                return
            await asyncio.sleep(self._patience.look_again_s)
        # One released firmware answered well and left the port as it was.
        raise PortNotSwitchable(
            f"The hub took the order and port {port} did not become {mode}.", port=port
        )

    async def reboot(self) -> None:
        """Reboot the hub and wait until it answers again (about 6 s).

        Raises:
            ChargerUnreachable: it did not come back.
        """
        try:
            async with asyncio.timeout(self._patience.answer_s):
                await self._wire.ask("reboot")
        except (TimeoutError, ChargerUnreachable):
            # Most give no prompt before they go.
            self._wire.drop()
        try:
            async with asyncio.timeout(self._patience.reboot_s):
                await self._until_it_answers()
        except TimeoutError as error:
            raise ChargerUnreachable("The hub did not come back from its reboot.") from error

    async def _until_it_answers(self) -> None:
        while True:
            try:
                await self._wire.ask("id")
            except ChargerUnreachable:
                await asyncio.sleep(self._patience.look_again_s)
            else:
                return

    async def forget_reboot(self) -> None:
        """Clear the flag by which the hub says that its modes were lost."""
        await self._wire.ask("crf")

    async def show(self, port: int, row: int, pattern: str, *, take_over: bool) -> str | None:
        """Set one LED's flash pattern; return the hub's error, None: it took it."""
        control = "H" if take_over else "R"
        answer = await self._wire.ask(f"ledb {port} {row} {pattern} {control}")
        return parsing.error_code(answer)
