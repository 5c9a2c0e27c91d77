"""An emulated Cambrionix hub, from its published command line manual; it knows nothing of dockd.

Bytes in, bytes out. Its faults are a script: each waits for a command that begins with its ``on``.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["universal", "pdsync"]
FaultKind = Literal[
    "brown-out",
    "drop",
    "error",
    "garble",
    "half",
    "ignore",
    "live",
    "nonsense",
    "reboot",
    "slow",
    "vanish",
]

ETX = 0x03
PROMPT = b">> "
LEDS = 3


@dataclass(kw_only=True)
class Fault:
    """Something that goes wrong with the next ``times`` commands that begin with ``on``."""

    kind: FaultKind
    on: str = ""
    times: int = 1
    text: str = ""
    seconds: float = 0.0


@dataclass(kw_only=True)
class Port:
    mode: str = "c"
    attached: bool = True
    current_ma: int = 500
    profile: int = 1
    seconds: int = 10
    wh: float = 0.5
    charged: bool = False
    theft: bool = False
    fault: bool = False
    leds: list[str] = field(default_factory=lambda: ["0"] * LEDS)

    @property
    def state_flag(self) -> str:
        charging = "F" if self.charged else "C" if self.attached else "I"
        return {"o": "O", "s": "S", "b": "B"}.get(self.mode, charging)


@dataclass(kw_only=True)
class Reply:
    """What goes out, how late, and whether the line or the hub is gone after it."""

    data: bytes = b""
    after_s: float = 0.0
    silent_s: float = 0.0
    vanishes: bool = False


class Hub:
    """One hub of ``ports`` ports; ``kind`` decides the shape of its ``state``."""

    def __init__(self, *, kind: Kind = "universal", ports: int = 8, leds: bool = True) -> None:
        self.kind: Kind = kind
        self.ports = {number: Port() for number in range(1, ports + 1)}
        self.has_leds = leds
        self.script: list[Fault] = []
        self.asked: list[str] = []
        self.most_waiting = 0
        self.rebooted = False
        self.supply_flags: set[str] = set()
        self.error = False
        self.hung = False
        self.live = False
        self.volts = "5.12"
        self.temperature = "31.5"
        self.health_in_mv = False
        self.reboot_s = 0.05
        self._line = bytearray()
        self._last = 0
        self._bell = asyncio.Event()

    def fail(self, kind: FaultKind, *, on: str = "", times: int = 1, text: str = "") -> None:
        self.script.append(Fault(kind=kind, on=on, times=times, text=text))

    async def heard(self, command: str, *, times: int) -> None:
        """Wait until a command has come that often."""
        while self.asked.count(command) < times:
            self._bell.clear()
            await self._bell.wait()

    def brown_out(self) -> None:
        """The supply sags: the hub starts anew, with its error flag and without its modes."""
        self.restart()
        self.supply_flags.add("UV")
        self.error = True

    def restart(self) -> None:
        for port in self.ports.values():
            port.mode = "c"
            port.leds = ["0"] * LEDS
        self.rebooted = True
        self.error = False
        self.supply_flags.clear()
        self.live = False
        self._line.clear()

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Take what came over the line, and yield what goes back."""
        self.most_waiting = max(self.most_waiting, data.count(b"\n"))
        for byte in data:
            # A carriage return that nothing follows is found out by the next byte.
            if self._last == ord("\r") and byte != ord("\n"):
                self.hung = True
            self._last = byte
            if self.hung:
                continue
            if byte == ETX:
                self.live = False
                self._line.clear()
            elif byte == ord("\n"):
                command = self._line.decode("ascii", "replace").strip()
                self._line.clear()
                yield self._obey(command)
            elif byte != ord("\r"):
                self._line.append(byte)

    def _obey(self, command: str) -> Reply:
        self.asked.append(command)
        self._bell.set()
        fault = self._due(command)
        if fault is None:
            return self._plain(command)
        return self._faulty(command, fault)

    def _due(self, command: str) -> Fault | None:
        for fault in self.script:
            if fault.times and command.startswith(fault.on):
                fault.times -= 1
                return fault
        return None

    def _plain(self, command: str) -> Reply:
        if command == "reboot":
            self.restart()
            return Reply(silent_s=self.reboot_s)
        return Reply(data=self._framed(command, self._answer(command)))

    def _framed(self, command: str, lines: list[str]) -> bytes:
        # It echoes, and it is generous with line breaks.
        return "".join(f"{line}\r\n" for line in (command, *lines)).encode() + b"\r\n" + PROMPT

    def _faulty(self, command: str, fault: Fault) -> Reply:
        whole = self._framed(command, self._answer(command)) if fault.kind != "ignore" else b""
        answers: dict[FaultKind, Callable[[], Reply]] = {
            "drop": Reply,
            "half": lambda: Reply(data=whole[: len(whole) // 2]),
            "garble": lambda: Reply(data=whole.replace(b", ", b"\xff\x00~", 2)),
            "slow": lambda: Reply(data=whole, after_s=fault.seconds),
            "ignore": lambda: Reply(data=self._framed(command, [])),
            "nonsense": lambda: Reply(data=self._framed(command, fault.text.split("\n"))),
            "vanish": lambda: Reply(vanishes=True),
        }
        if fault.kind in answers:
            return answers[fault.kind]()
        if fault.kind == "live":
            self.live = True
            return Reply(data=b"1, 0100, A C, 1, 1, x, 0.01\r\n" * 5)
        if fault.kind == "error":
            self.error = True
            self.supply_flags.add("UV")
        elif fault.kind == "brown-out":
            self.brown_out()
            return Reply(silent_s=self.reboot_s)
        elif fault.kind == "reboot":
            self.restart()
            return Reply(silent_s=self.reboot_s)
        return self._plain(command)

    def _answer(self, command: str) -> list[str]:
        verb, *arguments = command.split() or [""]
        commands: dict[str, Callable[[list[str]], list[str]]] = {
            "": lambda _: [],
            "id": lambda _: [
                f"mfr:cambrionix,mode:main,hw:{self.hardware},hwid:0x13,fw:1.83,bl:0.12,sn:000000"
            ],
            "state": self._state,
            "mode": self._mode,
            "health": lambda _: self._health(),
            "limits": lambda _: self._limits(),
            "cef": lambda _: self._clear_error(),
            "crf": lambda _: self._clear_reboot(),
            "ledb": self._ledb,
        }
        if verb not in commands or (verb == "ledb" and not self.has_leds):
            return ["*E400: Command not recognised"]
        return commands[verb](arguments)

    @property
    def hardware(self) -> str:
        return "PP15S" if self.kind == "universal" else "PDS-C4"

    def _state(self, arguments: list[str]) -> list[str]:
        if not arguments:
            return [self._state_line(number) for number in self.ports]
        if not arguments[0].isdecimal() or int(arguments[0]) not in self.ports:
            return ["*E402: Invalid port"]
        return [self._state_line(int(arguments[0]))]

    def _state_line(self, number: int) -> str:
        port = self.ports[number]
        is_on = port.mode != "o"
        flags = [
            *(["R"] if self.rebooted else []),
            *(["T"] if port.theft else []),
            *(["E"] if self.error else []),
            *(["e"] if port.fault else []),
            "A" if port.attached and is_on else "D",
            port.state_flag,
        ]
        current = port.current_ma if port.attached and is_on else 0
        done = str(port.seconds) if port.charged else "x"
        if self.kind == "universal":
            start = f"{number}, {current:04d}, {' '.join(flags)}, {port.profile}"
        else:
            start = f"{number}, 0515, {current:04d}, {' '.join(flags)} -"
        return f"{start}, {port.seconds}, {done}, {port.wh:.2f}"

    def _mode(self, arguments: list[str]) -> list[str]:
        if self.error:
            return ["*E422: Cannot change mode while an error is flagged"]
        if not arguments or arguments[0] not in {"c", "s", "b", "o"}:
            return ["*E401: Invalid parameter"]
        chosen = list(self.ports)
        if len(arguments) > 1:
            if not arguments[1].isdecimal() or int(arguments[1]) not in self.ports:
                return ["*E402: Invalid port"]
            chosen = [int(arguments[1])]
        for number in chosen:
            self.ports[number].mode = arguments[0]
        return []

    def _health(self) -> list[str]:
        supply = "5V_V1: 5042" if self.health_in_mv else f"5V Now: {self.volts}"
        return [
            supply,
            "5V Min: 5.01",
            f"5V Flags: {' '.join(sorted(self.supply_flags))}",
            f"Temperature Now (C): {self.temperature}",
            "Temperature Flags:",
            f"Rebooted flag: {'R' if self.rebooted else ''}",
        ]

    def _limits(self) -> list[str]:
        return ["5V Min: 4.50", "5V Max: 5.58", "Temperature Max: 75 C"]

    def _clear_error(self) -> list[str]:
        # An undervoltage stays flagged until the hub is rebooted.
        self.error = bool(self.supply_flags)
        return []

    def _clear_reboot(self) -> list[str]:
        self.rebooted = False
        return []

    def _ledb(self, arguments: list[str]) -> list[str]:
        number, row, pattern = int(arguments[0]), int(arguments[1]), arguments[2]
        self.ports[number].leds[row - 1] = "0" if arguments[3:] == ["R"] else pattern
        return []
