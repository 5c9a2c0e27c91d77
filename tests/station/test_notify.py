"""What the service manager hears, on a real socket."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockd.station.notify import Notifier
from tests.fakes.still_clock import StillClock


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Return the service manager's end of the socket."""
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(os.fspath(address))
        receiver.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", os.fspath(address))
        yield receiver


def test_the_manager_hears_every_turn_of_the_service(manager: socket.socket) -> None:
    """Ready, status, watchdog, reloading with its time, and stopping reach the manager."""
    clock = StillClock()
    clock.advance(1.5)
    notifier = Notifier(clock=clock)
    notifier.ready()
    notifier.status("8 slots,\n2 offloading")
    notifier.status("8 slots,\n2 offloading")
    notifier.feed_watchdog()
    notifier.reloading()
    notifier.stopping()
    heard = [manager.recv(4096) for _ in range(5)]
    assert heard == [
        b"READY=1",
        b"STATUS=8 slots, 2 offloading",
        b"WATCHDOG=1",
        b"RELOADING=1\nMONOTONIC_USEC=1500000",
        b"STOPPING=1",
    ]


def test_a_manager_that_does_not_listen_holds_nothing_up(manager: socket.socket) -> None:
    """A full queue costs a watchdog's beat or a status line, never the loop; later it is said."""
    notifier = Notifier(clock=StillClock())
    for _ in range(1000):
        notifier.feed_watchdog()
    notifier.status("8 slots")
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            assert manager.recv(4096) == b"WATCHDOG=1"
    notifier.status("8 slots")
    assert manager.recv(4096) == b"STATUS=8 slots"


def test_an_abstract_socket_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that begins with @ is an abstract one."""
    name = f"dockd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0{name}")
        receiver.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        Notifier(clock=StillClock()).ready()
        assert receiver.recv(100) == b"READY=1"


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside systemd, and when the manager is gone, telling it is a no-op."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier(clock=StillClock()).ready()
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/notify")
    Notifier(clock=StillClock()).ready()


def test_the_watchdog_is_fed_only_where_it_watches_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """The period is the manager's, and none when the watchdog is off or watches another."""
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert Notifier(clock=StillClock()).watchdog_s is None
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert Notifier(clock=StillClock()).watchdog_s == 30.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert Notifier(clock=StillClock()).watchdog_s is None
