"""QEMU's monitor (QMP): the hands that plug, pull, save and cut."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.rack.wire import Reply, Wire

_ANSWER_S = 60.0


class MonitorRefused(Exception):
    """QEMU refused a command; its own words say why."""


class Monitor:
    """A conversation with one QEMU process; source: qemu.org's QMP reference."""

    def __init__(self, path: Path) -> None:
        self._wire = Wire(path)
        self._events: list[Reply] = []
        self._wire.receive(timeout_s=_ANSWER_S)  # the greeting
        self.do("qmp_capabilities")

    def do(self, command: str, **arguments: Any) -> Any:  # noqa: ANN401  (QMP's own types)
        """Carry out one command and return what it answers; `_` in names becomes `-` in keys.

        Raises:
            MonitorRefused: QEMU said no.
        """
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        self._wire.send({"execute": command, "arguments": named})
        while True:
            reply = self._wire.receive(timeout_s=_ANSWER_S)
            if "event" in reply:
                self._events.append(reply)
            elif "error" in reply:
                raise MonitorRefused(f"{command} {named}: {reply['error']['desc']}")
            else:
                return reply["return"]

    def await_event(
        self, name: str, *, where: Callable[[Reply], bool] = bool, timeout_s: float = _ANSWER_S
    ) -> Reply:
        """Wait for an event whose data is as wanted; one that came earlier counts once.

        Raises:
            TimeoutError: It did not come.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            for event in self._events:
                if event["event"] == name and where(event["data"]):
                    self._events.remove(event)
                    data: Reply = event["data"]
                    return data
            remaining_s = deadline_s - time.monotonic()
            self._events.append(self._wire.receive(timeout_s=max(remaining_s, 0.001)))

    def close(self) -> None:
        """Hang up."""
        self._wire.close()
