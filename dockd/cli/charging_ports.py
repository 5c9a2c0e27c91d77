"""What `dockd doctor` says of the slots' power: ports that switch, and parts that wear."""

from collections.abc import Iterator
from typing import Final

from dockd.cli.asking import Daemon
from dockd.config import Config
from dockd.errors import DockdError
from dockd.ports.helper import Helper

_WORN: Final = frozenset({"camera-worn", "slot-worn"})


def charging_ports(config: Config, helper: Helper) -> Iterator[tuple[bool, str, str]]:
    """Yield whether the kernel can switch the slots' ports; nothing is switched for that."""
    named = {slot.name for slot in config.slots if slot.port}
    try:
        rows = [row for row in helper.slots() if row.slot in named]
    except DockdError as error:
        yield False, str(error), error.next_step
        return
    stuck = ", ".join(sorted(row.slot for row in rows if row.powered is None))
    missing = ", ".join(sorted(named - {row.slot for row in rows}))
    if missing:
        step = "Compare slots.port with what `udevadm info` says of a camera in that slot."
        yield False, f"there is no USB port for {missing}", step
    yield (
        not stuck,
        f"the kernel cannot switch the ports of {stuck}"
        if stuck
        else f"the kernel has a switch for the ports of {len(rows)} slots; whether each of them "
        "really follows is seen when it is first cut",
        'Use a hub with per-port power switching, or set power.driver = "none".',
    )


def worn(config: Config) -> Iterator[tuple[bool, str, str]]:
    """Yield each camera and slot that the daemon found to be replaced, with the evidence."""
    try:
        if not config.http.socket.is_socket():
            return
        problems = Daemon(config.http.socket).get("/v1/problems")["problems"]
    except (DockdError, OSError):
        # A daemon that does not run, or not for this user, is told by what needs it.
        return
    for problem in problems:
        if problem["slug"] in _WORN:
            yield False, f"{problem['subject']} wears: {problem['reason']}", problem["next"]
