"""A guest with the package installed and its service running: installed once for each package."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rack.disk import Disk, ext4
from tests.rack.dock import Dock
from tests.rack.image import ROOT, hash_of, kept
from tests.rack.machine import Machine
from tests.rack.rack import CONFIG, READY_S, SERVICE, Rack, slot_tables
from tests.rack.saved import Saved, bare_guest, fitting, resumed, some_ports
from tests.rack.store import Store, running_store

_HERE = Path(__file__).parent
TEMPLATE = _HERE / "station.toml"
_SOURCES = (TEMPLATE, *(_HERE / name for name in ("station.py", "rack.py", "store.py")))
INSTALL_S = 600.0
STATION = "rack-01"
SPOOL = "/var/lib/dockd"
NOTE = "/var/lib/dockd-witness/spool.json"
SPOOL_BYTES = 256 << 20
PACKAGE_IN_GUEST = "/srv/dockd.deb"
_SLOW_UPLINK = "\n[uplink]\nrate_limit_mbit_s = 24\n"


def built_package() -> Path:
    """Return the package that `make deb` built.

    Raises:
        RuntimeError: There is none.
    """
    found = sorted((ROOT / "build").glob("dockd_*_amd64.deb"), key=os.path.getmtime)
    if not found:
        raise RuntimeError("there is no build/dockd_*_amd64.deb: run `make deb` first")
    return found[-1]


def station_guest(package: Path) -> Saved:
    """Return a station that runs this package, ready for cameras; install it when it is new."""
    bare = bare_guest()
    key = fitting(bare.folder.name, hash_of(package, *_SOURCES))
    with kept("station", key=key) as (folder, is_new):
        if is_new:
            ports = some_ports()
            (folder / "store").mkdir()
            with (
                running_store(folder / "store", port=ports.store) as store,
                resumed(bare, folder, ports=ports) as machine,
            ):
                install(machine, package)
                rack = Rack(machine, Dock(machine), store)
                _set_up(rack, store)
                save(rack, Saved(bare.image, folder))
    return Saved(bare.image, folder)


def spooled_guest(package: Path) -> Saved:
    """Return a station like that, but with its spool on a disk of its own: `spool`, a raw one.

    Its uplink is slow, so that its power can be cut while footage is sent.
    """
    plain = station_guest(package)
    with kept("spooled", key=fitting(plain.folder.name, hash_of(*_SOURCES))) as (folder, is_new):
        if is_new:
            with going_on(plain, folder) as rack:
                configured = rack.agent.read(CONFIG).decode()
                rack.agent.write(CONFIG, configured + _SLOW_UPLINK)
                spool = ext4(folder / "spool.img", size_bytes=SPOOL_BYTES)
                put_spool_on(rack, Disk("spool", spool, "raw"))
                save(rack, Saved(plain.image, folder))
    return Saved(plain.image, folder)


@contextmanager
def running_station(
    package: Path, folder: Path, *, guest: Callable[[Path], Saved] = station_guest
) -> Iterator[Rack]:
    """Run a station with this package, and an empty store beside it."""
    with going_on(guest(package), folder) as rack:
        yield rack


@contextmanager
def going_on(saved: Saved, folder: Path) -> Iterator[Rack]:
    """Go on with a saved station, beside an empty store that knows no more than it was told."""
    ports = some_ports()
    (folder / "store").mkdir()
    with (
        store_beside(saved, folder / "store", port=ports.store) as store,
        resumed(saved, folder, ports=ports) as machine,
    ):
        yield Rack(machine, Dock(machine), store)


@contextmanager
def store_beside(saved: Saved, folder: Path, *, port: int) -> Iterator[Store]:
    """Run an empty store for a saved station, told of its ledger what its own had been told.

    One that was told nothing would be another store by the same name, or one that was emptied.
    """
    with running_store(folder, port=port) as store:
        store.tell(saved.told.read_bytes(), station=STATION)
        yield store


def save(rack: Rack, saved: Saved) -> None:
    """Keep a station as it is once it asks its store nothing any more."""
    until_quiet(rack)
    store = rack.store
    assert store is not None
    saved.told.write_bytes(store.told_by(STATION))
    rack.machine.save(saved.memory)
    store.discard()
    shutil.rmtree(saved.folder / "store")


def install(machine: Machine, package: Path) -> None:
    """Install a package in the guest as an admin would: `apt install ./dockd.deb`."""
    carry_in(machine, package, to=PACKAGE_IN_GUEST)
    machine.agent.shell(
        f"DEBIAN_FRONTEND=noninteractive apt-get install -y {PACKAGE_IN_GUEST}",
        timeout_s=INSTALL_S,
    )


def carry_in(machine: Machine, file: Path, *, to: str) -> None:
    """Put a large file into the guest."""
    # A disk is the fast way in; it has whole sectors, so the guest is told where the file ends.
    medium = machine.folder / "package.img"
    shutil.copyfile(file, medium)
    os.truncate(medium, -(-file.stat().st_size // 512) * 512)
    machine.attach(Disk("package", medium, format="raw"))
    size_bytes = file.stat().st_size
    machine.agent.shell(f"head -c {size_bytes} /dev/disk/by-id/virtio-package > {to}")
    machine.detach("package")
    medium.unlink()


def put_spool_on(rack: Rack, disk: Disk) -> None:
    """Give a running station a spool disk of its own, new or from another station's life.

    The guest mounts it at every boot from then on.
    """
    rack.machine.attach(disk)
    mount_spool(rack, disk.link)


def mount_spool(rack: Rack, device: str) -> None:
    """Give a running station the file system on a block device for its spool, now and always."""
    # The note says where its footage was until now, and an admin who means it removes that.
    rack.agent.shell(
        f"systemctl stop {SERVICE}; rm -f {NOTE}\n"
        f"echo '{device} {SPOOL} ext4 nofail' >> /etc/fstab\n"
        f"systemctl daemon-reload; mount {SPOOL}\n"
        f"chown dockd:dockd-admin {SPOOL}; chmod 700 {SPOOL}; sync /etc/fstab\n"
        f"systemctl start {SERVICE}"
    )
    rack.until_ready()


def _set_up(rack: Rack, store: Store) -> None:
    """Give a fresh installation its slots and its store, and wait until it can work."""
    rack.agent.run("mkdir", "-p", "/etc/credstore")
    rack.agent.write("/etc/credstore/store.credentials", store.credentials)
    rack.agent.run("chmod", "600", "/etc/credstore/store.credentials")
    rack.agent.write("/etc/dockd/store.pem", store.authority)
    rack.agent.write(CONFIG, TEMPLATE.read_text() + slot_tables(rack.dock))
    rack.agent.run("systemctl", "restart", SERVICE, timeout_s=INSTALL_S)
    rack.until_ready()
    rack.agent.run("sync")


def until_quiet(rack: Rack) -> None:
    """Wait until nothing is asked of the store any more.

    To a guest that goes on from a saved moment the store is another one: whatever was on its way
    then is never answered, and everything else waits behind it for a minute.
    """
    rack.until(
        lambda: all(
            store["receipt_strength"] == "digest" for store in rack.get("/v1/status")["stores"]
        ),
        "the store to be tried",
        timeout_s=READY_S,
    )
    rack.until(lambda: bool(rack.journal("DOCKD_EVENT=checkpointed")), "the first checkpoint")
