"""Promises against a daemon that was taken over: it gets nothing beyond its own slots' cameras.

The helper runs as a process of its own with the socket that systemd would hand over.
"""

import array
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import pytest

from dockd.errors import DockdError, NotFound
from tests.helper.scene import LoopDisk, Scene

Reply = tuple[dict[str, object], list[int]]
PATIENCE_S = 60


class Client:
    """One connection to the helper."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(str(path))

    def send(self, packet: bytes, *, descriptors: list[int] | None = None) -> Reply:
        socket.send_fds(self.socket, [packet], descriptors or [])
        return self.receive()

    def receive(self) -> Reply:
        reply, descriptors, _, _ = socket.recv_fds(self.socket, 65536, 4)
        return (json.loads(reply) if reply else {}), descriptors

    def ask(self, *, descriptors: list[int] | None = None, **request: object) -> Reply:
        return self.send(json.dumps(request).encode(), descriptors=descriptors)

    def make_writable(self, *descriptors: int) -> dict[str, object]:
        request = {"verb": "make-writable", "slot": "A1", "deadline_s": 60}
        return self.ask(descriptors=list(descriptors), **request)[0]

    def close(self) -> None:
        self.socket.close()


class Helper:
    """A helper in its own process, over a scene's sysfs."""

    def __init__(self, scene: Scene, *, user: str = "nobody", before: str = "") -> None:
        self.path = scene.folder / "helper.sock"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(self.path))
        self.path.chmod(0o666)
        for parent in (scene.folder, *scene.folder.parents):
            if parent.is_relative_to("/tmp") and parent != Path("/tmp"):  # noqa: S108 - pytest's
                parent.chmod(0o755)
        listener.listen(16)
        program = (
            "import os, sys; from pathlib import Path\n"
            "os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True)\n"
            "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')\n"
            "from dockd.helper import __main__ as m, rack\n"
            "from tests.helper.scene import ON_THIS_HOST\n"
            "sysfs = Path(sys.argv[2]); m.Rack = lambda now: rack.Rack(now, sysfs=sysfs)\n"
            "m.for_user = lambda *_: ON_THIS_HOST\n"
            "sys.argv[1:] = sys.argv[3:]\n"
            f"{before}\n"
            "sys.exit(m.main())"
        )
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-c", program, str(listener.fileno()), scene.folder / "sys"),
                *("--config", scene.configuration, "--user", user, "--state", scene.folder),
            ],
            pass_fds=[listener.fileno()],
            cwd=Path(__file__).parents[2],
        )
        listener.close()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@pytest.fixture
def helper(scene: Scene) -> Iterator[Helper]:
    """Yield a running helper, which has to survive the test."""
    helper = Helper(scene)
    yield helper
    assert helper.process.poll() is None, "the helper died"
    assert helper.end() == 0


@pytest.fixture
def client(helper: Helper) -> Iterator[Client]:
    """Yield a connection to it."""
    client = Client(helper.path)
    yield client
    client.close()


pytestmark = pytest.mark.real


def test_a_camera_passes_through_the_socket(
    scene: Scene, client: Client, disks: Callable[[], LoopDisk]
) -> None:
    """Slots, authorise, mount, writable and back, and power, as the daemon asks for them."""
    scene.dock(disks())
    rows, _ = client.ask(verb="slots")
    assert rows["ok"] is True
    assert client.ask(verb="authorise", slot="A1")[0]["serial"] == "BWC-000001"
    answer, (mount,) = client.ask(verb="mount", slot="A1")
    assert (answer["ok"], answer["file_system"]) == (True, "ext4")
    assert client.make_writable(mount)["ok"] is True
    os.mkdir("there", dir_fd=mount)
    answer, _ = client.ask(verb="make-read-only", slot="A1", descriptors=[mount])
    assert answer == {"ok": True, "clean": True}
    with pytest.raises(OSError, match="Read-only"):
        os.mkdir("again", dir_fd=mount)
    os.close(mount)
    assert client.ask(verb="unmount", slot="A1")[0] == {"ok": True}


def test_the_connections_end_takes_writing_and_cuts_back(
    scene: Scene, helper: Helper, disks: Callable[[], LoopDisk]
) -> None:
    """A daemon that is killed leaves no camera writable and no port without power."""
    disk = disks()
    scene.dock(disk)
    client = Client(helper.path)
    _, (mount,) = client.ask(verb="mount", slot="A1")
    client.make_writable(mount)
    client.ask(verb="port-power", slot="A2", on=False, kind="budget", lease_s=3600)
    client.close()
    other = Client(helper.path)
    # The other connection's answer comes while the helper still works: asked until it is so.
    while not disk.is_read_only() or scene.disable(2) != "0":
        other.ask(verb="slots")
    with pytest.raises(OSError, match="Read-only"):
        os.mkdir("again", dir_fd=mount)
    os.close(mount)
    other.close()


def test_a_stranger_is_shown_the_door(helper: Helper) -> None:
    """Another uid gets a refusal and the end of the connection, whatever it says."""
    script = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect(sys.argv[1])\n"
        "print(s.recv(4096).decode())\n"
        'try: s.send(b\'{"verb":"slots"}\'); print(len(s.recv(4096)))\n'
        "except OSError: print(0)\n"
    )
    found = subprocess.run(
        ["setpriv", "--reuid=12345", "--clear-groups", sys.executable, "-Ic", script, helper.path],
        capture_output=True,
        text=True,
        check=True,
    )
    refusal, nothing = found.stdout.splitlines()
    assert json.loads(refusal)["slug"] == "refused"
    assert nothing == "0"


def test_dockds_own_user_is_let_in(helper: Helper) -> None:
    """The user that the helper was told of is served."""
    script = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect(sys.argv[1])\n"
        's.send(b\'{"verb":"slots"}\'); print(s.recv(65536).decode())\n'
    )
    found = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-Ic", script, helper.path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(found.stdout)["ok"] is True


def test_garbage_is_refused_and_changes_nothing(
    scene: Scene, helper: Helper, disks: Callable[[], LoopDisk]
) -> None:
    """Thousands of packets of noise, half requests and foreign slots leave all as it was."""
    scene.dock(disks())
    scene.sysfs.plug("1-1.3", serial="BWC-000003")
    before = tree(scene)
    chance = random.Random(7)
    client = Client(helper.path)
    client.ask(verb="slots")
    guarded = {**before, "devices/pci0000:00/0000:00:14.0/usb1/authorized_default": b"0"}
    words = [b'{"verb":', b'"mount"', b'"slot"', b'"A1"', b'"1-1.3"', b",", b"}", b"null", b"[["]
    slots = ["", "..", "A3", "1-1.3", "1-1.1", "/dev/sda", "A1\x00", "usb1", "A" * 65]
    verbs = ["authorise", "mount", "make-writable", "unmount", "port-power", "format"]
    for number in range(3000):
        packet = b" ".join(chance.choices(words, k=chance.randint(1, 9)))
        if number % 3 == 0:
            request = {"verb": chance.choice(verbs), "slot": chance.choice(slots)}
            packet = json.dumps(request).encode()
        elif number % 3 == 1:
            packet = chance.randbytes(chance.randint(1, 300))
        answer, descriptors = client.send(packet)
        assert (answer["ok"], descriptors) == (packet_is_unmount(packet), [])
    for size in (4097, 70000):
        assert client.send(b" " * size)[0]["slug"] == "request-invalid"
    after = {name: text.strip() for name, text in tree(scene).items()}
    assert after == {name: text.strip() for name, text in guarded.items()}
    client.close()


def packet_is_unmount(packet: bytes) -> bool:
    """Whether it asks to forget a mount of a slot that has none, which is granted."""
    try:
        request = json.loads(packet)
    except ValueError:
        return False
    slot = request.get("slot") if isinstance(request, dict) else None
    return isinstance(slot, str) and request == {"verb": "unmount", "slot": slot} and slot == "A1"


def tree(scene: Scene) -> dict[str, bytes]:
    """Read every attribute of every device."""
    root = scene.sysfs.root
    return {
        str(file.relative_to(root)): file.read_bytes()
        for file in (root / "devices").rglob("*")
        if file.is_file()
    }


def test_descriptors_by_the_dozen_are_all_let_go(helper: Helper, client: Client) -> None:
    """Requests that bring one, two or two hundred descriptors leave none in the helper."""
    client.ask(verb="slots")
    before = helper.descriptors()
    with ExitStack() as stack:
        files = [stack.enter_context(Path("/dev/null").open()) for _ in range(200)]
        numbers = [file.fileno() for file in files]
        for count in (1, 2, 3, 200):
            for _ in range(50):
                answer = client.make_writable(*numbers[:count])
                assert answer["ok"] is False
                assert answer["slug"] == ("refused" if count == 1 else "request-invalid")
    # They are let go after the answer, but before the next one.
    client.ask(verb="slots")
    assert helper.descriptors() == before


def test_a_socket_that_lingers_keeps_nobody(helper: Helper) -> None:
    """Connections that leave the helper a socket whose close would wait for an hour are over."""
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:
        for _ in range(8):
            sent = socket.create_connection(server.getsockname())
            stack.enter_context(server.accept()[0])
            sent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 3600))
            sent.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    sent.send(bytes(1 << 16))
            client = Client(helper.path)
            # The last reference is the one in the packet.
            socket.send_fds(client.socket, [b"{}"], [sent.fileno()])
            sent.close()
            assert client.receive()[0]["ok"] is False
            client.close()
        other = Client(helper.path)
        assert other.ask(verb="slots")[0]["ok"] is True
        other.close()


def test_a_descriptor_without_a_word_is_refused(client: Client) -> None:
    """An empty packet with a descriptor is answered, one without ends the connection."""
    read, write = os.pipe()
    fds = array.array("i", [read])
    client.socket.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    answer, _ = client.receive()
    assert answer["slug"] == "request-invalid"
    os.close(read)
    os.close(write)


def test_a_crowd_of_connections_is_bounded(helper: Helper) -> None:
    """The ninth connection is refused, and as soon as one ends there is room again."""
    crowd = [Client(helper.path) for _ in range(8)]
    for client in crowd:
        assert client.ask(verb="slots")[0]["ok"] is True
    ninth = Client(helper.path)
    assert ninth.receive()[0]["slug"] == "refused"
    ninth.close()
    crowd.pop().close()
    answer: dict[str, object] = {}
    while not answer.get("ok"):
        again = Client(helper.path)
        with suppress(OSError):
            answer = again.ask(verb="slots")[0]
        again.close()
    for client in crowd:
        client.close()


def test_a_client_that_never_reads_holds_up_nobody(helper: Helper) -> None:
    """A full socket costs its own connection alone."""
    deaf = Client(helper.path)
    deaf.socket.setblocking(False)
    with suppress(BlockingIOError):
        for _ in range(100_000):
            deaf.socket.send(b'{"verb":"slots"}')
    other = Client(helper.path)
    assert other.ask(verb="slots")[0]["ok"] is True
    other.close()
    deaf.close()


def test_a_killed_helper_is_followed_by_one_that_knows(
    scene: Scene, disks: Callable[[], LoopDisk]
) -> None:
    """SIGKILL while a camera is writable: the next helper takes the camera from who holds on."""
    scene.dock(disks())
    first = Helper(scene)
    client = Client(first.path)
    _, (mount,) = client.ask(verb="mount", slot="A1")
    client.make_writable(mount)
    first.process.kill()
    first.process.wait(PATIENCE_S)
    client.close()
    (scene.folder / "helper.sock").unlink()
    second = Helper(scene)
    other = Client(second.path)
    assert other.ask(verb="slots")[0]["ok"] is True
    assert (scene.sysfs.folder("1-1.1") / "authorized").read_text().strip() == "0"
    os.close(mount)
    other.close()
    assert second.end() == 0


def ask_on(client: Client) -> list[int]:
    """Mount slot A1, make it writable and read-only, until nobody answers; return what is left."""
    mounts: list[int] = []
    with suppress(OSError):
        while True:
            answer, mounts = client.ask(verb="mount", slot="A1")
            if mounts:
                for _ in range(40):
                    client.make_writable(*mounts)
                client.ask(verb="make-read-only", slot="A1", descriptors=mounts)
                answer, _ = client.ask(verb="unmount", slot="A1")
            if not answer:
                break
            while mounts:
                os.close(mounts.pop())
    return mounts


def test_whenever_a_helper_is_killed_nothing_stays_writable(
    scene: Scene, disks: Callable[[], LoopDisk]
) -> None:
    """In mid-mount, on its way to writable or back: the next one leaves nobody what can write."""
    disk = disks()
    scene.dock(disk)
    authorised = scene.sysfs.folder("1-1.1") / "authorized"
    chance = random.Random(11)
    for _ in range(12):
        first = Helper(scene)
        client = Client(first.path)
        client.ask(verb="slots")
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(ask_on, client)
            time.sleep(chance.uniform(0, 0.4))
            first.process.kill()
            first.process.wait(PATIENCE_S)
            mounts = asking.result()
        (scene.folder / "helper.sock").unlink()
        second = Helper(scene)
        other = Client(second.path)
        assert other.ask(verb="slots")[0]["ok"] is True
        is_taken_away = authorised.read_text().strip() == "0"
        writable = [m for m in mounts if not os.fstatvfs(m).f_flag & os.ST_RDONLY]
        authorised.write_text("1\n")
        for each in (client, other):
            each.close()
        assert second.end() == 0
        for mount in mounts:
            os.close(mount)
        (scene.folder / "helper.sock").unlink()
        assert disk.is_read_only()
        assert is_taken_away or not writable


def test_without_systemds_socket_it_says_so() -> None:
    """Started by hand it serves nobody and ends with an error."""
    found = subprocess.run(
        [sys.executable, "-I", "-m", "dockd.helper"],
        env={"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert found.returncode == 2
    assert "systemd" in found.stderr


def race(helper: Helper, seed: int) -> set[object]:
    """Ask for everything about slot A1 in no order; return the slugs of the answers."""
    chance = random.Random(seed)
    client = Client(helper.path)
    slugs: set[object] = set()
    mounts: list[int] = []
    for _ in range(80):
        request: dict[str, object] = {"verb": chance.choice(["mount", "make-read-only", "unmount"])}
        if chance.random() < 0.5:
            request = {"verb": "make-writable", "deadline_s": 1}
        elif chance.random() < 0.4:
            request = {"verb": "port-power", "on": chance.random() < 0.5, "kind": "budget"}
            request["lease_s"] = 1
        answer, received = client.ask(descriptors=mounts[:1], slot="A1", **request)
        slugs.add(answer.get("slug"))
        if received:
            for mount in mounts:
                os.close(mount)
            mounts = received
    for mount in mounts:
        os.close(mount)
    client.close()
    return slugs


def test_everything_at_once_ends_as_it_began(
    scene: Scene, helper: Helper, disks: Callable[[], LoopDisk]
) -> None:
    """Six connections that race each other for one slot break nothing and leave nothing behind."""
    disk = disks()
    scene.dock(disk)
    quiet = Client(helper.path)
    quiet.ask(verb="slots")
    before = helper.descriptors()
    with ThreadPoolExecutor(6) as pool:
        slugs = set[object]().union(*pool.map(partial(race, helper), range(6)))
    assert slugs <= {None, "refused", "camera-media-refused", "slot-busy"}
    # The connections' ends are settled within a moment of them.
    while not disk.is_read_only() or scene.disable(1) != "0":
        quiet.ask(verb="slots")
    assert quiet.ask(verb="unmount", slot="A1")[0] == {"ok": True}
    # A moment after its answer a connection's thread may still hold the mount that it sent.
    mounts: list[int] = []
    while not mounts:
        _, mounts = quiet.ask(verb="mount", slot="A1")
    os.close(mounts[0])
    quiet.ask(verb="unmount", slot="A1")
    quiet.ask(verb="slots")
    assert helper.descriptors() == before
    assert (scene.sysfs.folder("1-1.1") / "authorized").read_text().strip() == "1"
    quiet.close()


def test_names_that_somebody_made_up_leave_nothing_behind(scene: Scene) -> None:
    """However many slots are asked for that there are not, the helper keeps none of them."""
    for number in range(100):
        for verb in ("authorise", "mount", "make-read-only", "unmount"):
            with pytest.raises(NotFound):
                scene.ask(json.dumps({"verb": verb, "slot": f"made-up-{number}"}))
    assert len(scene.service._writable._locks) == 0


def test_a_helper_that_cannot_keep_its_deadlines_ends(scene: Scene) -> None:
    """Whatever stops it from looking what is due, it lends nothing any longer."""
    helper = Helper(scene, before="m.Service.overdue = lambda self: 1 / 0")
    assert helper.process.wait(PATIENCE_S) == 1


def test_no_request_passes_without_its_slot(scene: Scene) -> None:
    """The port of a device that is in no slot can neither be cut nor be given power."""
    scene.sysfs.plug("1-1.3", serial="BWC-000003")
    packet = '{"verb": "port-power", "slot": "1-1.3", "on": true, "kind": "safety", "lease_s": 0}'
    with pytest.raises(DockdError):
        scene.ask(packet)
