"""`dockd run` as a process of its own, and a thread of events to follow it by."""

import errno
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.daemon.forking import Process, forked
from tests.daemon.world import World

PATIENCE_S = 90.0
# A look costs some milliseconds of a machine that has better things to do.
POLL_S = 0.05


@dataclass(frozen=True)
class Happened:
    """One event of the record."""

    sequence: int
    kind: str
    subject: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What differs from one test's configuration to another's; units as in the file."""

    limit_mb_s: float = 0
    keep_stored_h: float = 72
    partial_after_h: float = 24
    wipe_after: str = "receipt"
    rehash: str = "after-break"
    rate_limit_mbit_s: float = 0
    http: str = ""
    holds: str = ""
    mqtt: str = ""
    power: str = ""

    def toml(self, world: World) -> str:
        """Return the whole file."""
        return f"""
[station]
name = "{world.station}"
site = "tests"
timezone = "UTC"
[spool]
path = "{world.spool}"
reserve = "64 MiB"
keep_stored_h = {self.keep_stored_h}
partial_after_h = {self.partial_after_h}
[cameras.directory]
path = "{world.rack}"
poll_s = 0.05
limit_mb_s = {self.limit_mb_s}
[wipe]
after = "{self.wipe_after}"
rehash = "{self.rehash}"
[uplink]
rate_limit_mbit_s = {self.rate_limit_mbit_s}
[http]
listen = "127.0.0.1:0"
socket = "{world.folder / "api.sock"}"
{self.http}
{self.holds}
{self.mqtt}
{self.power}
{world.room.toml()}
"""


class StationProcess:
    """One station, started as often as its faults kill it; every end of it is accounted for.

    ``faults`` are what ``DOCKD_FAULT`` is set to, one after another: the first until it fired,
    then the second, and so on; then none.
    """

    def __init__(
        self, world: World, *, settings: Settings | None = None, faults: Sequence[str] = ()
    ) -> None:
        self.world = world
        self.config = world.folder / "dockd.toml"
        self.log = world.folder / "dockd.log"
        self.fault_log = world.folder / "faults.log"
        self.faults = list(faults)
        self.fired: list[str] = []
        # A command that runs it, such as one that takes privileges away first.
        self.under: list[str] = []
        # Whether each start is a new Python's, and not the fork of one that has imported dockd.
        self.is_started_anew = False
        self.events: list[Happened] = []
        self.notified: list[str] = []
        self._process: Process | None = None
        self._manager: socket.socket | None = None
        self.configure(settings or Settings())

    def configure(self, settings: Settings) -> None:
        """Write the configuration; a running station does not know until it reloads."""
        self.config.write_text(settings.toml(self.world))

    # --- beginning and end -------------------------------------------------------------------

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self.spawn()
        self.until(lambda: self.is_ready, "it says READY=1")

    def start_in_vain(self) -> int:
        """Start it where it cannot run, and return the status with which it ends by itself."""
        self.spawn()
        return self._reaped()

    def spawn(self) -> None:
        """Start it and do not wait for anything."""
        assert self._process is None, "it runs already"
        address = self._listen()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DOCKD_")},
            "NOTIFY_SOCKET": str(address),
            "DOCKD_FAULT_LOG": str(self.fault_log),
            **({"DOCKD_FAULT": self.faults[0]} if self.faults else {}),
        }
        arguments = ["run", "--config", str(self.config)]
        with self.log.open("ab") as log:
            if not self.under and not self.is_started_anew:
                self._process = forked(arguments, environment=environment, log=log)
                return
            self._process = subprocess.Popen(
                [*self.under, sys.executable, "-m", "dockd", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _listen(self) -> Path:
        """Be the service manager: a real datagram socket, new for every start."""
        self._close_manager()
        self.notified = []
        address = self.world.folder / "notify.sock"
        address.unlink(missing_ok=True)
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.setblocking(False)
        self._manager.bind(str(address))
        return address

    def _close_manager(self) -> None:
        if self._manager is not None:
            self._manager.close()
            self._manager = None

    @property
    def pid(self) -> int:
        """The daemon's process."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether this run of it said that it is ready."""
        self._hear()
        return "READY=1" in self.notified

    def heard(self, word: str) -> int:
        """Return how often this run of it said a word to its service manager."""
        self._hear()
        return self.notified.count(word)

    def _hear(self) -> None:
        while self._manager is not None:
            try:
                self.notified.append(self._manager.recv(4096).decode())
            except BlockingIOError:
                return

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def stop(self) -> None:
        """Stop it with SIGTERM; it ends well, or by the fault that was due at its end."""
        self.signal(signal.SIGTERM)
        status = self._reaped()
        if status == -signal.SIGKILL and self._note_fault():
            return
        assert status == 0, f"it ended with {status}\n{self.story()}"

    def kill(self) -> None:
        """Kill it here and now, and hold the world against the promises."""
        self.signal(signal.SIGKILL)
        assert self._reaped() == -signal.SIGKILL
        self.world.check()

    def reload(self, settings: Settings) -> None:
        """Write another configuration and have it read; should it die meanwhile, at its start."""
        self.until(lambda: self.is_ready, "it is ready to reload")
        self.configure(settings)
        self.signal(signal.SIGHUP)

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def _reaped(self) -> int:
        """Wait for the end of the process, and see that nothing of it is left."""
        assert self._process is not None
        group = self._process.pid
        try:
            status = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end\n{self.story()}") from None
        self._process = None
        self._hear()
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return status
        raise AssertionError("it left a process behind")

    def abandon(self) -> None:
        """End it because the test ends, whatever came of that."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._close_manager()

    # --- what happens ------------------------------------------------------------------------

    def until(self, condition: Callable[[], object], what: str, *, restart: bool = True) -> None:
        """Wait until something is true; a death by a fault on the way is part of the plan.

        With ``restart`` the station is started again then, as its service manager would.
        """
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            self.world.look()
            self.catch_up()
            if condition():
                return
            if self._process is not None and self._process.poll() is not None:
                self._live_on(restart=restart)
            if time.monotonic() > deadline_s:
                raise AssertionError(f"it never came about that {what}\n{self.story()}")
            time.sleep(POLL_S)

    def catch_up(self) -> None:
        """Take in what it told its service manager and what its record has, as of now."""
        self._hear()
        self._follow()

    def happened(self, kind: str, *, count: int = 1, **fields: object) -> None:
        """Wait until the record has ``count`` events of a kind with such fields."""
        self.until(lambda: self.count(kind, **fields) >= count, f"{kind} {fields or ''} x {count}")

    def count(self, kind: str, **fields: object) -> int:
        """Return how many such events the record has."""
        return len(self.all(kind, **fields))

    def all(self, kind: str, **fields: object) -> list[Happened]:
        """Return all such events of the record."""
        return [
            event
            for event in self.events
            if event.kind == kind
            and all(event.fields.get(name) == value for name, value in fields.items())
        ]

    def _live_on(self, *, restart: bool = True) -> None:
        status = self._reaped()
        if status != -signal.SIGKILL or not self._note_fault():
            raise AssertionError(f"it ended with {status}\n{self.story()}")
        if restart:
            self.spawn()

    def _note_fault(self) -> bool:
        """Return whether it was the fault that killed it; then the next one is armed."""
        if not self.faults:
            return False
        kind, _, kill = self.faults[0].split(":")
        if self._notes()[-1:] != [f"{kind} {kill}"]:
            return False
        self.fired.append(self.faults.pop(0))
        self.world.check()
        return True

    def _notes(self) -> list[str]:
        return self.fault_log.read_text().splitlines() if self.fault_log.exists() else []

    def facts(self) -> Counter[str]:
        """Return how often each kind of fact became durable, in all runs together."""
        return Counter(line for line in self._notes() if " " not in line)

    def _follow(self) -> None:
        last = self.events[-1].sequence if self.events else 0
        rows = self.world.ask(
            "SELECT sequence, kind, subject, fields FROM events WHERE sequence > ?"
            " ORDER BY sequence",
            last,
        )
        self.events += [
            Happened(row["sequence"], row["kind"], row["subject"], json.loads(row["fields"]))
            for row in rows
        ]

    def begin_record_anew(self) -> None:
        """Read the record from its beginning: another one lies in its place."""
        self.events = []
        self._follow()

    # --- people ------------------------------------------------------------------------------

    def order(self, verb: str, kind: str, reference: str, *, hold: str = "error") -> None:
        """Give an order over the Unix socket, again when the daemon dies over it."""
        self._order(f"/v1/{kind}/{reference}/{verb}", {"why": "a test wants it", "kind": hold})

    def order_uploads(self, verb: str) -> None:
        """Pause or resume all uploads, again when the daemon dies over it."""
        self._order(f"/v1/uploads/{verb}", {"why": "a test wants it"})

    def _order(self, path: str, body: dict[str, str]) -> None:
        attempt = 0
        while True:
            attempt += 1
            self.until(lambda: self.is_ready, "it is ready for orders")
            try:
                status, answer = self._request("POST", path, json.dumps(body))
            except (OSError, http.client.HTTPException):
                self.until(self._died, "it died over an order")
                continue
            # The first attempt may have been carried out although its reply was lost.
            if status == http.HTTPStatus.ACCEPTED or (attempt > 1 and answer["slug"] == "refused"):
                return
            raise AssertionError(f"{path}: {status} {answer}")

    def _died(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            self._live_on()
            return True
        return False

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return what it answers over the Unix socket."""
        status, answer = self._request("GET", path, None)
        assert status == http.HTTPStatus.OK, answer
        return answer

    def _request(self, method: str, path: str, body: str | None) -> tuple[int, Any]:
        connection = _UnixConnection(self.world.folder / "api.sock")
        try:
            headers = {"content-type": "application/json"} if body else {}
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()

    def story(self) -> str:
        """Return the end of its journal and of its record, for somebody who asks what happened."""
        log = self.log.read_text(errors="replace") if self.log.exists() else ""
        events = "\n".join(
            f"{event.sequence} {event.kind} {event.subject} {event.fields}"[:200]
            for event in self.events[-60:]
        )
        return f"--- faults fired: {self.fired}\n--- journal:\n{log[-6000:]}\n--- record:\n{events}"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        try:
            self.sock.connect(str(self._path))
        except OSError as error:
            self.sock.close()
            raise ConnectionError(error.errno or errno.ECONNREFUSED, str(error)) from error


@contextmanager
def station(
    world: World, *, settings: Settings | None = None, faults: Sequence[str] = ()
) -> Iterator[StationProcess]:
    """A station that is not started yet, and is gone in any case when the test is over."""
    process = StationProcess(world, settings=settings, faults=faults)
    try:
        yield process
    finally:
        process.abandon()
