"""The guest's agent: commands and files inside the guest, without a console or a network."""

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rack.waiting import wait_until
from tests.rack.wire import Wire

_ANSWER_S = 60.0
_RUN_S = 90.0
_CHUNK_BYTES = 1 << 20
_STREAMS = ("out", "err")


class GuestFailed(Exception):
    """A command in the guest failed, or the agent refused; what it wrote says why."""


@dataclass(frozen=True)
class Ran:
    """How a command in the guest ended."""

    status: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """What it wrote to its standard output, without the last line's end."""
        return self.out.decode(errors="replace").rstrip("\n")


class Agent:
    """A conversation with qemu-guest-agent; source: qemu.org's guest agent reference."""

    def __init__(self, path: Path) -> None:
        self._wire = Wire(path)

    def synchronise(self, *, timeout_s: float = _ANSWER_S) -> None:
        """Find the start of the agent's answers, whatever an earlier conversation left over.

        Raises:
            TimeoutError: The agent does not answer.
        """
        token = secrets.randbits(31)
        message = {"execute": "guest-sync-delimited", "arguments": {"id": token}}
        self._wire.send(message, before=b"\xff")
        while self._wire.receive(timeout_s=timeout_s).get("return") != token:
            pass

    def do(self, command: str, **arguments: Any) -> Any:  # noqa: ANN401  (the agent's own types)
        """Carry out one of the agent's own commands; `_` in names becomes `-` in keys.

        Raises:
            GuestFailed: The agent refused.
        """
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        self._wire.send({"execute": command, "arguments": named})
        reply = self._wire.receive(timeout_s=_ANSWER_S)
        if "error" in reply:
            raise GuestFailed(f"{command}: {reply['error']['desc']}")
        return reply["return"]

    def run(
        self, *command: str, stdin: bytes = b"", check: bool = True, timeout_s: float = _RUN_S
    ) -> Ran:
        """Run a command in the guest to its end.

        Raises:
            GuestFailed: It ended with another status than 0, and `check` is not off.
            TimeoutError: It did not end in time.
        """
        pid = self.start(*command, stdin=stdin)
        found: dict[str, Any] = {}

        def ended() -> bool:
            found.update(self.do("guest-exec-status", pid=pid))
            return bool(found["exited"])

        wait_until(ended, what=f"the end of {' '.join(command)}", timeout_s=timeout_s)
        # A command that a signal ended has no exit code; shells count it as this.
        status = found.get("exitcode", 128 + found.get("signal", 0))
        ran = Ran(status, *(base64.b64decode(found.get(f"{name}-data", "")) for name in _STREAMS))
        if check and status != 0:
            said = (ran.err + ran.out).decode(errors="replace")[-2000:]
            raise GuestFailed(f"{' '.join(command)} ended with {status}: {said}")
        return ran

    def shell(self, script: str, *, check: bool = True, timeout_s: float = _RUN_S) -> Ran:
        """Run a shell script in the guest that stops at its first failing command."""
        return self.run("/bin/sh", "-ec", script, check=check, timeout_s=timeout_s)

    def start(self, *command: str, stdin: bytes = b"") -> int:
        """Start a command in the guest and return its process id."""
        answer = self.do(
            "guest-exec",
            path=command[0],
            arg=list(command[1:]),
            input_data=base64.b64encode(stdin).decode(),
            capture_output=True,
        )
        return int(answer["pid"])

    def read(self, path: str) -> bytes:
        """Read a file of the guest."""
        handle = self.do("guest-file-open", path=path, mode="r")
        content, at_end = b"", False
        while not at_end:
            chunk = self.do("guest-file-read", handle=handle, count=_CHUNK_BYTES)
            content += base64.b64decode(chunk["buf-b64"])
            at_end = chunk["eof"]
        self.do("guest-file-close", handle=handle)
        return content

    def write(self, path: str, content: bytes | str) -> None:
        """Write a file of the guest that only root may change; its folder exists already."""
        data = content.encode() if isinstance(content, str) else content
        handle = self.do("guest-file-open", path=path, mode="w")
        for start in range(0, len(data), _CHUNK_BYTES):
            chunk = base64.b64encode(data[start : start + _CHUNK_BYTES]).decode()
            self.do("guest-file-write", handle=handle, buf_b64=chunk)
        self.do("guest-file-close", handle=handle)
        # The agent lets everybody write what it makes (qga/commands-posix.c).
        self.run("chmod", "go-w", path)

    def exists(self, path: str) -> bool:
        """Say whether something of that path is in the guest."""
        return self.run("test", "-e", path, check=False).status == 0

    def close(self) -> None:
        """Hang up."""
        self._wire.close()
