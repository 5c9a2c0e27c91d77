"""Everything around one guest, by the names that tests use."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from tests.rack import journal
from tests.rack.agent import Agent
from tests.rack.dock import SLOTS, Dock
from tests.rack.machine import Machine
from tests.rack.store import Store
from tests.rack.waiting import wait_until

CONFIG = "/etc/dockd/dockd.toml"
SERVICE = "dockd.service"
READY_S = 120.0
_HTTP_S = 10.0


@dataclass(frozen=True)
class Rack:
    """A guest, the hands at its slots, and what the host sees of it."""

    machine: Machine
    dock: Dock
    store: Store | None = None

    @property
    def agent(self) -> Agent:
        """The present boot's agent."""
        return self.machine.agent

    def boot(self) -> str:
        """Switch on with all docked cameras in their slots; return what systemd makes of it."""
        return self.machine.boot(plugged=self.dock.put_back)

    def get(self, path: str) -> dict[str, Any]:
        """Ask the station's HTTP endpoint; an answer in the 500s is an answer.

        Raises:
            OSError: Nobody answers.
        """
        url = f"http://127.0.0.1:{self.machine.ports.status}{path}"
        try:
            with urllib.request.urlopen(url, timeout=_HTTP_S) as reply:
                body = reply.read()
        except urllib.error.HTTPError as error:
            body = error.read()
            error.close()
        found: dict[str, Any] = json.loads(body)
        return found

    def slot(self, number: int) -> dict[str, Any]:
        """Return what the station says of one slot."""
        slots = self.get("/v1/status")["slots"]
        return next(slot for slot in slots if slot["slot"] == slot_name(number))

    def slugs(self) -> AbstractSet[str]:
        """Return the slugs of the open problems."""
        return {problem["slug"] for problem in self.get("/v1/problems")["problems"]}

    def problems(self, slug: str) -> Sequence[dict[str, Any]]:
        """Return the open problems of one slug."""
        found = self.get("/v1/problems")["problems"]
        return [problem for problem in found if problem["slug"] == slug]

    def until(
        self,
        holds: Callable[[], bool],
        what: str,
        *,
        timeout_s: float = 60.0,
        closely: bool = False,
    ) -> None:
        """Wait until something holds; a station that does not answer yet does not hold it.

        `closely` is for what soon would hold no more.
        """

        def looked() -> bool:
            try:
                return holds()
            except (OSError, ValueError):
                return False

        wait_until(looked, what=what, timeout_s=timeout_s, closely=closely)

    def until_ready(self) -> None:
        """Wait until dockd is alive and able."""
        self.until(
            lambda: self.get("/readyz")["status"] in {"pass", "warn"},
            "dockd to be ready",
            timeout_s=READY_S,
        )

    def until_cleared(self, *numbers: int, timeout_s: float = READY_S) -> None:
        """Wait until the cameras in these slots are clear of footage, and the record has it so."""
        self.until(
            lambda: all(self.is_cleared(number) for number in numbers),
            f"the cameras in {numbers} to be cleared",
            timeout_s=timeout_s,
        )

    def is_cleared(self, number: int) -> bool:
        """Say whether the camera in a slot is clear of footage, and the record has it so."""
        slot = self.slot(number)
        return slot["state"] == "ready" and slot["docking"] in self._cleared(slot["camera"])

    def was_cleared(self, number: int) -> bool:
        """Say the same, also of a camera that a docking before this one had cleared already."""
        slot = self.slot(number)
        return slot["state"] == "ready" and bool(self._cleared(slot["camera"]))

    def _cleared(self, camera: str) -> Collection[str]:
        stays = self.get(f"/v1/dockings?camera={camera}&limit=1000")["dockings"]
        return {stay["docking"] for stay in stays if stay["cleared"]}

    def copies(self, camera: str) -> Sequence[dict[str, Any]]:
        """Return where every copy of a camera's clips is: `camera`, `spool` and `stores`."""
        clips = self.get(f"/v1/clips?camera={camera}&limit=1000")["clips"]
        return [clip["copies"] for clip in clips]

    def configure(self, text: str) -> None:
        """Give the station another configuration and restart it."""
        self.agent.write(CONFIG, text)
        self.agent.run("systemctl", "restart", SERVICE)

    def journal(self, *matches: str, unit: str = "") -> list[journal.Record]:
        """Read the guest's journal."""
        return journal.entries(self.agent, *matches, unit=unit)

    def cut_network(self) -> None:
        """Pull the network cable."""
        self.machine.monitor.do("set_link", name="nic", up=False)

    def mend_network(self) -> None:
        """Plug the network cable in again."""
        self.machine.monitor.do("set_link", name="nic", up=True)


def slot_name(number: int) -> str:
    """Name a slot as the rack's configuration does."""
    return f"A{number}"


def slot_tables(dock: Dock, slots: Sequence[int] = SLOTS) -> str:
    """Write the configuration's tables of all slots, or of some."""
    return "".join(
        f'\n[[slots]]\nname = "{slot_name(number)}"\nport = "{dock.port(number)}"\n'
        for number in slots
    )
