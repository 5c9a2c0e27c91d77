"""What a person can do to a rack by hand, line by line."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from tests.rack.agent import GuestFailed
from tests.rack.camera import Camera, Family, make_camera
from tests.rack.dock import SLOTS
from tests.rack.monitor import MonitorRefused
from tests.rack.rack import Rack

COMMANDS = """\
  dock SLOT [vfat|exfat]  drop a new camera with 8 MiB of footage into slot 1 to 8
  dock SLOT SERIAL        drop one in again that was yanked
  yank SLOT               pull a camera out, whatever it is doing
  camera SERIAL           what is on a camera now
  store up | store down   start or stop the central store
  status                  what the station says of itself
  journal [COUNT]         the end of its journal
  cut                     cut the station's power
  boot                    switch it on again (half a minute)
  sh COMMAND              run a command in it as root
  help, quit
"""


class Hands:
    """What a person can do to a rack; `cameras` are those made so far, by serial number."""

    def __init__(self, rack: Rack, shelf: Path) -> None:
        self._rack = rack
        self._shelf = shelf
        self.cameras: dict[str, Camera] = {}
        self._slots: dict[int, str] = {}

    def obey(self, line: str) -> None:
        """Carry out one line; an error of the person's or of the guest's is said and no more."""
        name, _, rest = line.strip().partition(" ")
        command: Callable[[str], None] | None = getattr(self, f"do_{name}", None)
        try:
            if command is not None:
                command(rest.strip())
            elif name:
                say(f"no such command: {name}\n{COMMANDS}")
        except (GuestFailed, MonitorRefused, OSError, RuntimeError, ValueError) as error:
            say(f"that did not work: {error}")

    def do_dock(self, text: str) -> None:
        number, _, what = text.partition(" ")
        slot = _slot(number)
        if slot in self._slots:
            raise ValueError(f"{self._slots[slot]} is in slot {slot}; yank it first")
        camera = self.cameras.get(what) or self._new_camera(what or "vfat")
        if camera.serial in self._slots.values():
            raise ValueError(f"{camera.serial} is docked already")
        self._rack.dock.dock(slot, camera)
        self._slots[slot] = camera.serial
        say(f"{camera.serial} ({camera.family}, {len(camera.clips)} clips) is in slot {slot}")

    def do_yank(self, text: str) -> None:
        slot = _slot(text)
        if slot not in self._slots:
            raise ValueError(f"slot {slot} is empty")
        self._rack.dock.yank(slot)
        say(f"{self._slots.pop(slot)} is out of slot {slot}")

    def do_camera(self, text: str) -> None:
        if text not in self.cameras:
            raise ValueError(f"no camera {text!r}; there are: {' '.join(self.cameras) or 'none'}")
        camera = self.cameras[text]
        known = camera.clips | camera.others
        for path, digest in camera.found().items():
            say(f"  {path}  {'as it was' if known.get(path) == digest else 'NOT as it was'}")
        say(f"  gone: {' '.join(known.keys() - camera.found().keys()) or 'nothing'}")

    def do_store(self, text: str) -> None:
        store = self._rack.store
        if store is None or text not in {"up", "down"}:
            raise ValueError("store up, or store down; there is a store only beside a station")
        (store.start if text == "up" else store.stop)()
        say(f"the store is {text}")

    def do_status(self, _: str) -> None:
        status = self._rack.get("/v1/status")
        for slot in status["slots"]:
            if slot["state"] != "empty":
                clips = " ".join(f"{count} {place}" for place, count in slot["clips"].items())
                say(f"  {slot['slot']} {slot['camera']} {slot['state']}, {slot['advice']}: {clips}")
        for problem in status["problems"]:
            said = (problem[key] for key in ("severity", "slug", "subject", "reason", "next"))
            say("  " + " | ".join(map(str, said)))
        say(f"  {status['health']}; all of it: {self._address}")

    @property
    def _address(self) -> str:
        return f"http://127.0.0.1:{self._rack.machine.ports.status}/v1/status"

    def do_journal(self, text: str) -> None:
        count = str(int(text or "20"))
        command = ("journalctl", "--no-pager", "--lines", count)
        say(self._rack.agent.run(*command, "--unit=dockd*").text)

    def do_cut(self, _: str) -> None:
        self._rack.machine.cut()
        say("the power is off")

    def do_boot(self, _: str) -> None:
        if self._rack.machine.is_on:
            raise ValueError("it is on; cut its power first")
        say(f"the station is {self._rack.boot()}")

    def do_sh(self, text: str) -> None:
        ran = self._rack.agent.shell(text, check=False)
        say((ran.out + ran.err).decode(errors="replace").rstrip() or f"(status {ran.status})")

    def do_help(self, _: str) -> None:
        say(COMMANDS)

    def _new_camera(self, what: str) -> Camera:
        families = {str(family): family for family in get_args(Family)}
        if what not in families:
            raise ValueError(f"neither a family ({' or '.join(families)}) nor a camera: {what}")
        serial = f"BWC-{len(self.cameras) + 1:06}"
        camera = make_camera(self._shelf, serial=serial, family=families[what])
        self.cameras[serial] = camera
        return camera


def say(text: str) -> None:
    """Print to whoever sits there."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _slot(text: str) -> int:
    if not text.isdigit() or int(text) not in SLOTS:
        raise ValueError(f"a slot is a number from {SLOTS[0]} to {SLOTS[-1]}, not {text!r}")
    return int(text)
