"""The demo's station: a configuration, `dockd run` as its own process, and its surfaces."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

from dockd.simulator.programs import Program
from dockd.simulator.rack import Rack
from dockd.simulator.seaweed import BUCKET, REGION, SeaweedFS

STORE: Final = "central"
END_S: Final = 10.0
# A late answer would make the faults late.
_ANSWER_S: Final = 0.5
_VERIFY_S: Final = 120.0
_CREDENTIALS_MODE: Final = 0o600

_CONFIGURATION: Final = """\
[station]
name = "demo-rack"
site = "demo"

[spool]
path = {spool}
reserve = "64 MiB"

[cameras.directory]
path = {rack}
poll_s = 0.1
limit_mb_s = {speed_mb_s:g}

[stores]
required = 1

[[store]]
name = {store}
kind = "s3"
endpoint = {endpoint}
bucket = {bucket}
region = {region}
credentials = {credentials}

[power]
driver = "none"

[http]
listen = "127.0.0.1:0"
socket = {socket}
"""
_SLOT: Final = """
[[slots]]
name = {name}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What `dockd verify` said: its exit status and, where it could be read, its answer."""

    exit_status: int
    answer: Mapping[str, Any]
    said: str


class Station:
    """One dockd with everything it has in one folder."""

    def __init__(self, folder: Path, *, rack: Rack, store: SeaweedFS, speed_mb_s: float) -> None:
        """Write its configuration and credentials into ``folder``; it is not started yet."""
        self.spool = folder / "spool"
        self.spool.mkdir()
        self.ledger = self.spool / "ledger.sqlite3"
        self._socket = folder / "api.sock"
        self._configuration = folder / "dockd.toml"
        self._configuration.write_text(
            _configuration(
                folder, socket=self._socket, rack=rack, store=store, speed_mb_s=speed_mb_s
            )
        )
        self.program = Program(
            "dockd", command=self._command("run"), folder=folder, environment=_UNBUFFERED
        )
        self._client = httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(self._socket)),
            base_url="http://dockd",
            timeout=_ANSWER_S,
        )

    def status(self) -> Mapping[str, Any] | None:
        """Return what /v1/status says; None while nobody answers."""
        try:
            answer = self._client.get("/v1/status").raise_for_status().json()
        except (httpx2.HTTPError, json.JSONDecodeError):
            return None
        return answer if isinstance(answer, dict) else None

    def verify(self) -> Verified:
        """Run `dockd verify` beside the running daemon, as an admin would."""
        done = subprocess.run(  # noqa: S603 - the command is this very dockd
            self._command("verify", "--json"),
            env={**os.environ, **_UNBUFFERED},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_VERIFY_S,
            check=False,
        )
        try:
            answer = json.loads(done.stdout)
        except json.JSONDecodeError:
            answer = {}
        return Verified(
            exit_status=done.returncode, answer=answer, said=(done.stdout + done.stderr).strip()
        )

    def end(self) -> int | None:
        """Ask it to end and return its exit status; None: it did not end in time."""
        self._client.close()
        return self.program.end(within_s=END_S)

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "dockd", *words, "--config", str(self._configuration)]


_UNBUFFERED: Final = {"PYTHONUNBUFFERED": "1"}


def _configuration(
    folder: Path, *, socket: Path, rack: Rack, store: SeaweedFS, speed_mb_s: float
) -> str:
    """Return the text of dockd.toml, after writing the credentials that it points to."""
    credentials = folder / "store.credentials"
    credentials.touch(mode=_CREDENTIALS_MODE)
    credentials.write_text(store.credentials)
    text = _CONFIGURATION.format(
        spool=_quoted(folder / "spool"),
        rack=_quoted(rack.folder),
        speed_mb_s=speed_mb_s,
        store=_quoted(STORE),
        endpoint=_quoted(store.endpoint),
        bucket=_quoted(BUCKET),
        region=_quoted(REGION),
        credentials=_quoted(credentials),
        socket=_quoted(socket),
    )
    return text + "".join(_SLOT.format(name=_quoted(slot)) for slot in rack.slots)


def _quoted(value: object) -> str:
    """Return a TOML string; JSON's escapes are among TOML's."""
    return json.dumps(str(value))
