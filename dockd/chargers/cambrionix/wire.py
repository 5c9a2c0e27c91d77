"""The serial line to a hub: one command at a time, each answer read to its prompt.

115200 baud, 8N1, no flow control. Whatever goes wrong, the line is dropped and the next command
opens it anew: a late answer can then never be taken for the answer to another command.
Source: Cambrionix, Command Line Interface User Manual (2023), sections 2 and 3.
"""

import asyncio
import fcntl
import re
import termios
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import serial
import serial_asyncio_fast

from dockd.errors import ChargerUnreachable

_BAUD: Final = 115_200
_PROMPT: Final = b">>"
# Ends live output; never a carriage return alone, which can hang a hub.
_CANCEL: Final = b"\x03"
_NEWLINE: Final = b"\r\n"
_LONGEST_ANSWER_BYTES: Final = 64 * 1024
_IDENTITY: Final = "mfr:cambrionix"
_TRIES_TO_BE_UNDERSTOOD: Final = 4
_COMMAND: Final = re.compile(r"[a-z0-9 ]+", re.ASCII | re.IGNORECASE)


class _Incoming(asyncio.Protocol):
    """What has come in since the last command was sent, and whether the line still stands."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._changed = asyncio.Event()
        self.lost = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.lost.set()
        self._changed.set()

    def forget(self) -> None:
        """Drop what came unasked: live output, or the space behind a prompt."""
        self._bytes.clear()

    async def until_prompt(self) -> bytes:
        """Return what comes before the next prompt, and take both away."""
        while (end := self._bytes.find(_PROMPT)) < 0:
            if self.lost.is_set():
                raise ChargerUnreachable("The hub's serial port went away.")
            if len(self._bytes) > _LONGEST_ANSWER_BYTES:
                raise ChargerUnreachable("The hub talks without end and gives no prompt.")
            self._changed.clear()
            await self._changed.wait()
        answer = bytes(self._bytes[:end])
        del self._bytes[: end + len(_PROMPT)]
        return answer


class Wire:
    """A hub's tty, opened by the first command and again by the first after any trouble."""

    def __init__(self, device: Path, *, answer_within_s: float = 2.0) -> None:
        """Mean the hub behind ``device``, which may be a link of /dev/serial/by-id."""
        self._device = device
        self._answer_within_s = answer_within_s
        self._turn = asyncio.Lock()
        self._transport: asyncio.Transport | None = None
        self._incoming = _Incoming()
        # Nothing is open yet, so nothing has to be waited for.
        self._incoming.lost.set()

    async def ask(self, command: str) -> Sequence[str]:
        """Send one command and return the lines of its answer, without its echo.

        Raises:
            ChargerUnreachable: the tty is not there or somebody else's, or no answer came.
        """
        if not _COMMAND.fullmatch(command):
            message = f"{command!r} is no command for a hub"
            raise ValueError(message)
        async with self._turn:
            try:
                async with asyncio.timeout(self._answer_within_s):
                    transport = self._transport or await self._open()
                    return await self._exchange(transport, command)
            except TimeoutError as error:
                raise self._silent(command) from error
            except (OSError, termios.error) as error:
                raise self._lost(error) from error
            except BaseException:
                # Cancelled in the middle, too: its answer would be taken for the next one's.
                self.drop()
                raise

    def drop(self) -> None:
        """Let go of the tty at once; the next command opens it again."""
        transport, self._transport = self._transport, None
        # One that the other end closed is on its way already.
        if transport is not None and not transport.is_closing():
            # The tty would keep it for as long as anybody else has it open.
            with suppress(OSError, serial.SerialException):
                fcntl.ioctl(transport.get_extra_info("serial").fileno(), termios.TIOCNXCL)
            transport.abort()

    async def close(self) -> None:
        """Let go of the tty, and wait until others may have it."""
        self.drop()
        await self._incoming.lost.wait()

    def _silent(self, command: str) -> ChargerUnreachable:
        self.drop()
        return ChargerUnreachable(
            f"The hub at {self._device} did not answer {command!r} to the end.",
            device=str(self._device),
        )

    def _lost(self, error: Exception) -> ChargerUnreachable:
        self.drop()
        return ChargerUnreachable(
            f"The hub's serial port {self._device} cannot be used: {error}.",
            device=str(self._device),
        )

    async def _open(self) -> asyncio.Transport:
        # It is closed in a thread, and locks out everybody until then, this process too.
        await self._incoming.lost.wait()
        incoming = _Incoming()
        loop = asyncio.get_running_loop()
        transport = serial_asyncio_fast.SerialTransport(loop, incoming, self._tty())
        self._transport, self._incoming = transport, incoming
        # The prompt of an earlier, unread answer may come first; who answers as a hub is heard.
        transport.write(_CANCEL)
        transport.write(b"id" + _NEWLINE)
        for _ in range(_TRIES_TO_BE_UNDERSTOOD):
            if _IDENTITY in _text(await incoming.until_prompt()).lower():
                return transport
        raise ChargerUnreachable(f"What answers at {self._device} is not a Cambrionix hub.")

    def _tty(self) -> serial.Serial:
        try:
            tty = serial.Serial(str(self._device), baudrate=_BAUD, exclusive=True)
        except serial.SerialException as error:
            if "exclusively lock" in str(error) or "busy" in str(error).lower():
                raise ChargerUnreachable(
                    f"Another program has the hub's serial port {self._device} open.",
                    next_step="End that program (LiveViewer, a terminal); dockd tries again.",
                    device=str(self._device),
                ) from error
            raise
        # The lock keeps out those who ask for it, and this those who do not (a terminal program).
        with suppress(OSError):
            fcntl.ioctl(tty.fileno(), termios.TIOCEXCL)
        return tty

    async def _exchange(self, transport: asyncio.Transport, command: str) -> Sequence[str]:
        self._incoming.forget()
        transport.write(command.encode("ascii") + _NEWLINE)
        answer = _text(await self._incoming.until_prompt())
        lines = [line.strip() for line in answer.replace("\r", "\n").split("\n")]
        return [line for line in lines if line and line != command]


def _text(answer: bytes) -> str:
    return answer.decode("ascii", errors="replace")
