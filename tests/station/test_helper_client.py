"""The helper's client: the real one on a real socket, against answers of every kind."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockd.errors import CameraGone, DockdError, HelperRefused, HelperUnreachable, SlotSettling
from dockd.station.helper_client import HelperClient
from tests.fakes.helper import FakeHelper
from tests.fakes.usb_bus import FakeBus


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    """Return where the helper listens."""
    return tmp_path / "h"


@pytest.fixture
def helper(tmp_path: Path, socket_path: Path) -> Iterator[FakeHelper]:
    """Return a helper with a camera in A1 and nothing in A2."""
    bus = FakeBus(tmp_path / "sys")
    bus.plug("1-1.1", serial="BWC-1")
    slots = {"A1": "1-1.1", "A2": "1-1.2"}
    helper = FakeHelper(socket_path, bus, slots=slots, media=tmp_path / "media")
    yield helper
    helper.stop()


class Liar:
    """Answers every request with the same bytes, and descriptors beside them."""

    def __init__(self, path: Path, answer: bytes, *, beside: tuple[int, ...] = ()) -> None:
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.bind(os.fspath(path))
        self._server.listen()
        self._answer = answer
        self._beside = beside
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                while connection.recv(4096):
                    socket.send_fds(connection, [self._answer], list(self._beside))
                    if not self._answer:
                        break

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def descriptors() -> int:
    """Return how many descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.usefixtures("helper")
def test_slots_say_what_is_in_them(socket_path: Path) -> None:
    """A slot with a device has its name and serial, one without has none."""
    client = HelperClient(socket_path)
    first, second = client.slots()
    assert (first.slot, first.device, first.serial, first.refused) == ("A1", "1-1.1", "BWC-1", None)
    assert (second.slot, second.device, second.serial) == ("A2", None, "")
    client.close()


def test_a_mount_is_a_descriptor_and_what_is_known_of_it(
    helper: FakeHelper, socket_path: Path
) -> None:
    """Authorise, mount, make writable and go back: each on the slot, with the mount's own fd."""
    client = HelperClient(socket_path)
    assert client.authorise("A1").device == "1-1.1"
    mounted = client.mount("A1")
    assert (mounted.serial, mounted.file_system, mounted.dirty) == ("BWC-1", "vfat", False)
    window = client.make_writable("A1", mount=mounted.root, deadline_s=5)
    assert helper.writable == {"A1"}
    assert window.close() is True
    assert not helper.writable
    client.unmount("A1")
    assert client.set_port_power("A1", on=True, kind="budget")
    os.close(mounted.root)
    client.close()
    asked = ["authorise A1", "mount A1", "make-writable A1", "make-read-only A1", "unmount A1"]
    assert helper.asked[:5] == asked


@pytest.mark.parametrize(
    ("slug", "error"),
    [
        ("camera-gone", CameraGone),
        ("slot-settling", SlotSettling),
        ("slot-busy", SlotSettling),
        ("camera-not-allowed", HelperRefused),
        ("refused", HelperRefused),
        ("not-found", HelperRefused),
        ("never-heard-of", HelperRefused),
    ],
)
def test_a_no_becomes_the_error_that_it_means(
    socket_path: Path, slug: str, error: type[DockdError]
) -> None:
    """Each refusal has an owner and a next step, and its reason comes through."""
    liar = Liar(
        socket_path, json.dumps({"ok": False, "slug": slug, "reason": "be\n  cause"}).encode()
    )
    client = HelperClient(socket_path)
    with pytest.raises(error, match="be cause") as caught:
        client.authorise("A1")
    assert caught.value.owner
    assert caught.value.next_step
    client.close()
    liar.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense",
        b"[]",
        b"null",
        b"{}",
        b'{"ok":1}',
        b'{"ok":false}',
        b'{"ok":false,"slug":7,"reason":[]}',
        b'{"ok":true}',
        b'{"ok":true,"slots":7}',
        b'{"ok":true,"slots":[{"slot":"A1"}]}',
        b'{"ok":true,"device":["x"],"vendor_id":"1","product_id":"1","serial":"x"}',
        b"\xff\xfe",
        b'{"ok":true,"serial":"x","file_system":"vfat","dirty":false,"diskseq":Infinity}',
        b"[" * 60_000,
        b'{"ok":true,"x":"' + b"x" * 70_000 + b'"}',
    ],
)
def test_an_answer_that_is_none_is_a_helper_that_does_not_answer(
    socket_path: Path, answer: bytes
) -> None:
    """Whatever comes back, it becomes a problem with an owner, and no descriptor is left open."""
    stray = os.open("/dev/null", os.O_RDONLY)
    liar = Liar(socket_path, answer, beside=(stray,))
    client = HelperClient(socket_path)
    asked: list[Any] = [
        client.slots,
        lambda: client.authorise("A1"),
        lambda: client.mount("A1"),
    ]
    before = descriptors()
    for ask in asked:
        with pytest.raises(HelperUnreachable):
            ask()
    client.close()
    liar.close()
    os.close(stray)
    assert descriptors() <= before


def test_a_helper_that_is_not_there_is_said_and_asked_again(
    helper: FakeHelper, socket_path: Path
) -> None:
    """A helper that stopped is unreachable; one that started again is simply used."""
    client = HelperClient(socket_path)
    assert client.slots()
    helper.stop()
    for _ in range(3):
        with pytest.raises(HelperUnreachable):
            client.slots()
    helper.start()
    assert client.slots()
    client.close()


def test_a_late_answer_is_never_taken_for_anothers(helper: FakeHelper, socket_path: Path) -> None:
    """A connection on which an answer did not come in time is not used again."""
    goes_on = threading.Event()

    def hold(verb: str, slot: str) -> None:
        del verb
        if slot == "A1":
            goes_on.wait()

    helper.before = hold
    client = HelperClient(socket_path, within_s=0.5)
    with pytest.raises(HelperUnreachable):
        client.unmount("A1")
    goes_on.set()
    for _ in range(5):
        assert len(client.slots()) == 2
        with pytest.raises(CameraGone):
            client.authorise("A2")
    client.close()


def test_a_writable_medium_keeps_its_own_connection(helper: FakeHelper, socket_path: Path) -> None:
    """What others ask meanwhile, and fail at, does not end it."""
    client = HelperClient(socket_path)
    client.authorise("A1")
    mounted = client.mount("A1")
    window = client.make_writable("A1", mount=mounted.root, deadline_s=5)
    for _ in range(10):
        client.slots()
        with pytest.raises(HelperRefused):
            client.authorise("B9")
    assert helper.writable == {"A1"}
    helper.hang_up()
    with pytest.raises(HelperUnreachable):
        window.close()
    os.close(mounted.root)
    client.close()


@pytest.mark.usefixtures("helper")
def test_many_threads_share_a_few_connections(socket_path: Path) -> None:
    """More callers than connections wait for one another, and each gets its own answer."""
    client = HelperClient(socket_path, at_once=2)
    wrong: list[object] = []

    def ask(slot: str) -> None:
        for _ in range(50):
            try:
                if client.authorise(slot).serial != "BWC-1":
                    wrong.append(slot)
            except CameraGone:
                if slot != "A2":
                    wrong.append(slot)

    threads = [threading.Thread(target=ask, args=(f"A{1 + n % 2}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    client.close()
