"""The lives of a station that lead to every kind of fact, each to a good end.

A scenario goes on whenever its station died over a fault and was started again, so it waits for
what the record says and never for a time. `LEADS_TO` is the table of which one reaches what.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from paho.mqtt import publish

from tests.daemon.harness import Settings, StationProcess
from tests.daemon.powered import FOR_BOTH_W, FOR_ONE_W, SLOTS, PoweredSlots, powered_slots
from tests.daemon.rooms import NAME, Share
from tests.daemon.world import BIG, EMPTY, LEDGER, MIB, SMALL, World, new_content
from tests.fakes import holds_server
from tests.fakes.broker import Mosquitto, mosquitto
from tests.fakes.commander import Commander

# A part takes most of a second at this rate: it is made durable, and the pull comes in mid-copy.
SLOWLY = Settings(limit_mb_s=24)
# No camera draws so much; one that does may burn.
_TOO_MUCH_MA = 3000


@dataclass(frozen=True)
class Scenario:
    """What happens, and with which configuration."""

    run: Callable[[StationProcess, World, Any], None]
    settings: Settings = field(default_factory=Settings)


def cleared(station: StationProcess, world: World, serial: str) -> None:
    """Wait until a camera that is docked is clear, and the record has it so."""
    station.until(
        lambda: (
            not any(path.is_file() for path in world.file(serial, "").rglob("*"))
            and not world.ask(
                "SELECT 1 FROM clips WHERE merged_into IS NULL AND camera = ?"
                " AND camera_copy NOT IN ('wiped', 'gone')",
                serial,
            )
        ),
        f"{serial} is clear",
    )


def verification(station: StationProcess) -> tuple[int, Any]:
    """Return the status and the answer of `dockd verify` of the store."""
    command = [sys.executable, "-m", "dockd", "verify", "--store", NAME, "--json"]
    told = subprocess.run(
        [*command, "--config", str(station.config)], capture_output=True, text=True, check=False
    )
    return told.returncode, json.loads(told.stdout)


def verified(station: StationProcess, world: World, serial: str, *, clips: int = 3) -> None:
    """Wait until so many clips of a camera have a proven copy in the spool, and no more is due."""
    station.until(
        lambda: (
            len(
                world.ask(
                    "SELECT 1 FROM clips WHERE merged_into IS NULL AND camera = ?"
                    " AND spool_copy = 'proven'",
                    serial,
                )
            )
            >= clips
            and not world.ask(
                "SELECT 1 FROM clips WHERE merged_into IS NULL AND camera = ?"
                " AND spool_copy != 'proven' AND camera_copy = 'present'",
                serial,
            )
        ),
        f"{clips} clips of {serial} are verified",
    )


def undocked(station: StationProcess, world: World, serial: str) -> None:
    """Pull a camera and wait until the record says so."""
    world.yank(serial)
    station.until(
        lambda: (
            not world.ask("SELECT 1 FROM dockings WHERE camera = ? AND ended_at IS NULL", serial)
        ),
        f"{serial} is undocked",
    )


def clip_id(world: World, serial: str, path: str) -> str:
    """Return the present id of a clip."""
    (row,) = world.ask(
        "SELECT key FROM clips WHERE merged_into IS NULL AND camera = ? AND path = ?",
        serial,
        path.encode(),
    )
    return hashlib.sha256(row["key"].encode()).hexdigest()[:16]


def journey(station: StationProcess, world: World, _: object) -> None:
    """Dock, offload, store, clear, undock, stop: a camera's ordinary day."""
    station.start()
    serial = world.film()
    world.dock(serial, "A1")
    cleared(station, world, serial)
    station.happened("manifest-stored")
    station.happened("docking-cleared")
    undocked(station, world, serial)
    station.stop()


def two_days(station: StationProcess, world: World, room: object) -> None:
    """Two ordinary days, for what happens only once on each."""
    journey(station, world, room)
    journey(station, world, room)


def yanked(station: StationProcess, world: World, share: Share) -> None:
    """Pull the camera in mid-copy, when a part is durable, and dock it in another slot."""
    share.leave()
    station.start()
    serial = world.film()
    world.dock(serial, "A1")
    station.happened("part-spooled")
    undocked(station, world, serial)
    world.dock(serial, "B2")
    verified(station, world, serial)
    share.come_back()
    cleared(station, world, serial)
    station.stop()


def offloaded_and_away(station: StationProcess, world: World, share: Share) -> str:
    """Offload a camera while the store is away, and undock it; return its serial."""
    share.leave()
    station.start()
    serial = world.film()
    world.dock(serial, "A1")
    verified(station, world, serial)
    undocked(station, world, serial)
    return serial


def overwritten(station: StationProcess, world: World, share: Share) -> None:
    """Between two dockings the camera writes another clip under the name of one."""
    serial = offloaded_and_away(station, world, share)
    world.record(serial, SMALL, b"another clip under that name", mtime_ns=1_790_000_100 * 10**9)
    world.dock(serial, "A1")
    verified(station, world, serial, clips=4)
    share.come_back()
    cleared(station, world, serial)
    station.stop()


def deleted(station: StationProcess, world: World, share: Share) -> None:
    """Between two dockings somebody deletes a clip on the camera."""
    serial = offloaded_and_away(station, world, share)
    world.lose(serial, SMALL, by="somebody")
    world.dock(serial, "A1")
    station.happened("clip-gone")
    share.come_back()
    cleared(station, world, serial)
    station.stop()


def cleared_elsewhere(station: StationProcess, world: World, share: Share) -> None:
    """Between two dockings another station clears a clip; its manifest stands in the store."""
    serial = offloaded_and_away(station, world, share)
    (row,) = world.ask("SELECT key FROM clips WHERE path = ?", SMALL.encode())
    docking = "20991231T235959Z-00000000"
    manifest = share.path_of(f"{serial}/dockings/{docking}.json")
    document = {"format": "dockd-docking/1", "station": "another", "camera": serial}
    clips = [{"key": row["key"]}]
    manifest.write_text(json.dumps({**document, "docking": docking, "clips": clips}))
    world.lose(serial, SMALL, by="another station")
    world.dock(serial, "A1")
    station.happened("clip-gone")
    share.come_back()
    station.happened("clip-elsewhere", station="another", docking=docking, store=NAME)
    cleared(station, world, serial)
    station.stop()


def holds_are_shared(station: StationProcess, world: World, _: object) -> None:
    """Another station's hold keeps a clip until a newer list, after a restart, lets it go."""
    with holds_server.central() as far:
        station.configure(Settings(holds=far.toml()))
        serial = world.film()
        far.anew = [{"kind": "camera", "camera": serial}]
        station.start()
        station.happened("holds-listed", holds=1)
        world.dock(serial, "A1")
        station.happened("docking-offloaded")
        station.happened("receipt-accepted", count=3)
        assert world.file(serial, SMALL).exists()
        far.anew = []
        station.restart()
        station.happened("holds-listed", holds=0)
        cleared(station, world, serial)
        station.stop()


def paused(station: StationProcess, world: World, _: object) -> None:
    """Somebody pauses the uploads, asks for a camera's clips, and lets them go on."""
    station.start()
    station.order_uploads("pause")
    serial = world.film()
    world.dock(serial, "A1")
    verified(station, world, serial)
    station.order("prioritise", "cameras", serial)
    assert not station.count("transfer-queued")
    station.order_uploads("resume")
    cleared(station, world, serial)
    station.stop()


def commanded(station: StationProcess, world: World, _: object) -> None:
    """Central pauses the uploads and lets them go on, over a broker that keeps no message."""
    central = Commander(site="tests", station=world.station)
    with mosquitto(world.folder) as broker:
        toml = f'[mqtt]\nbroker = "mqtt://127.0.0.1:{broker.port}"\n{central.toml()}'
        station.configure(Settings(mqtt=toml))
        station.start()
        _command(station, broker, central, "pause-uploads")
        serial = world.film()
        world.dock(serial, "A1")
        verified(station, world, serial)
        assert not station.count("transfer-queued")
        _command(station, broker, central, "resume-uploads")
        cleared(station, world, serial)
        station.stop()


def _command(station: StationProcess, broker: Mosquitto, central: Commander, verb: str) -> None:
    """Send a command until it is on record; whatever of it comes again counts no more."""
    command = central.command(verb)
    topic = f"dockd/{command['site']}/{command['station']}/commands"
    again_s = 0.0

    def is_taken() -> bool:
        nonlocal again_s
        if station.count("command-taken", nonce=command["nonce"], refused=""):
            return True
        if time.monotonic() >= again_s:
            publish.single(
                topic, central.signed(command), 1, hostname="127.0.0.1", port=broker.port
            )
            again_s = time.monotonic() + 0.3
        return False

    station.until(is_taken, f"{verb} is taken")


def corrupted_in_the_spool(station: StationProcess, world: World, _: Share) -> None:
    """A copy rots between its last fsync and its read-back: it is made again."""
    faults, station.faults = station.faults, ["clip-copied:1:kill"]
    station.start()
    serial = world.film()
    world.dock(serial, "A1")
    station.until(lambda: station.fired, "the first clip is copied", restart=False)
    (part,) = (path for path in (world.spool / "incoming").glob("*.part") if path.stat().st_size)
    with part.open("r+b") as file:
        file.seek(part.stat().st_size // 2)
        file.write(b"rot")
    station.faults, station.fired = faults, []
    station.start()
    cleared(station, world, serial)
    station.stop()


def touched(station: StationProcess, world: World, share: Share) -> None:
    """A clip comes back with another mtime: the same content, and one piece of evidence."""
    serial = offloaded_and_away(station, world, share)
    content = world.file(serial, SMALL).read_bytes()
    world.record(serial, SMALL, content, mtime_ns=1_790_000_100 * 10**9)
    world.originals.pop()
    world.originals[1].lost_by = None
    world.dock(serial, "A1")
    verified(station, world, serial)
    share.come_back()
    cleared(station, world, serial)
    station.stop()


def never_came_back(station: StationProcess, world: World, share: Share) -> None:
    """A camera is pulled in mid-copy; what there is of its clip is kept and sent as partial."""
    share.leave()
    station.start()
    serial = world.film({BIG: 40 * MIB + 12_345})
    content = world.file(serial, BIG).read_bytes()
    world.dock(serial, "A1")
    station.happened("part-spooled")
    undocked(station, world, serial)
    station.restart()
    station.happened("clip-verified", partial=True)
    share.come_back()
    station.happened("receipt-accepted")
    (kept,) = station.all("clip-verified", partial=True)
    digest = hashlib.sha256(content[: kept.fields["size_bytes"]]).hexdigest()
    world.partials.append((f"{serial}/{digest}/{BIG}", digest))
    world.dock(serial, "A1")
    cleared(station, world, serial)
    station.stop()


def made_room(station: StationProcess, world: World, _: Share) -> None:
    """What the store holds and the camera no longer has is kept for no time at all."""
    world.spool_may_forget = True
    station.start()
    serial = world.film()
    world.dock(serial, "A1")
    cleared(station, world, serial)
    undocked(station, world, serial)
    station.restart()
    station.happened("spool-purged", count=3)
    station.stop()


def spool_file_lost(station: StationProcess, world: World, share: Share) -> None:
    """A proven copy is deleted in the spool before it was sent: it is copied again."""
    serial = offloaded_and_away(station, world, share)
    (kept,) = (world.spool / "clips" / serial).rglob(Path(SMALL).name)
    kept.unlink()
    share.come_back()
    station.happened("spool-copy-lost")
    world.dock(serial, "A1")
    cleared(station, world, serial)
    station.stop()


def orders(station: StationProcess, world: World, _: Share) -> None:
    """People set a clip and a camera aside, and let them go one after another."""
    station.start()
    serial = world.film()
    first = world.film({SMALL: 1000})
    world.dock(first, "A1")
    cleared(station, world, first)
    station.order("hold", "cameras", first)
    undocked(station, world, first)
    world.record(first, EMPTY, b"held", mtime_ns=1_790_000_100 * 10**9)
    world.dock(first, "A1")
    world.dock(serial, "B2")
    cleared(station, world, serial)
    station.happened("receipt-accepted", key=world.originals[-1].key)
    held = clip_id(world, first, EMPTY)
    station.order("hold", "clips", held, hold="legal")
    station.order("retry", "clips", held)
    station.order("release", "cameras", first)
    assert world.file(first, EMPTY).exists()
    station.order("release", "clips", held, hold="legal")
    cleared(station, world, first)
    station.stop()


def object_lost(station: StationProcess, world: World, share: Share) -> None:
    """The store loses an object after its receipt, before the camera was cleared."""
    station.configure(replace(Settings(), wipe_after="never"))
    station.start()
    serial = world.film()
    world.dock(serial, "A1")
    station.until(
        lambda: len(world.ask("SELECT 1 FROM receipts")) == len(world.originals), "all is receipted"
    )
    station.stop()
    share.path_of(world.originals[1].key).unlink()
    station.configure(Settings())
    station.start()
    cleared(station, world, serial)
    station.stop()


def refused(station: StationProcess, world: World, share: Share) -> None:
    """Other content stands at a clip's key; a person settles it and has the clip sent again."""
    station.start()
    serial = world.film()
    squatter = share.path_of(world.originals[1].key)
    squatter.write_bytes(b"this is not the clip")
    world.dock(serial, "A1")
    station.until(
        lambda: world.ask("SELECT 1 FROM transfers WHERE state = 'refused'"), "it is refused"
    )
    squatter.unlink()
    station.order("retry", "clips", clip_id(world, serial, SMALL))
    cleared(station, world, serial)
    station.stop()


def upload_lost(station: StationProcess, world: World, share: Share) -> None:
    """The store forgets an upload of which a part had arrived."""
    _killed_while_sending(station, world, "part-stored:1:kill")
    share.forget_uploads()
    _sent_after_all(station, world)


def part_not_sent(station: StationProcess, world: World, _: Share) -> None:
    """The daemon dies when a part is said to be on its way and nothing of it was sent."""
    _killed_while_sending(station, world, "part-sending:1:kill")
    _sent_after_all(station, world)


def _killed_while_sending(station: StationProcess, world: World, fault: str) -> None:
    faults, station.faults = station.faults, [fault]
    station.start()
    serial = world.film()
    world.dock(serial, "A1")
    station.until(lambda: station.fired, f"it dies at {fault}", restart=False)
    station.faults, station.fired = faults, []


def _sent_after_all(station: StationProcess, world: World) -> None:
    station.start()
    cleared(station, world, world.originals[0].serial)
    station.stop()


def restored(station: StationProcess, world: World, share: Share) -> None:
    """The ledger is put back to where it was before the last camera came."""
    station.start()
    station.happened("checkpointed")
    first = world.film({SMALL: 1000})
    world.dock(first, "A1")
    cleared(station, world, first)
    undocked(station, world, first)
    station.stop()
    backup = world.folder / "yesterday.sqlite3"
    back_up(world, backup)
    station.start()
    station.until(lambda: checkpoint_is_new(world), "a checkpoint is written")
    share.leave()
    serial = world.film()
    world.dock(serial, "A1")
    verified(station, world, serial)
    station.stop()
    put_back(world, backup)
    station.begin_record_anew()
    station.start()
    station.happened("epoch-begun")
    share.come_back()
    cleared(station, world, serial)
    station.happened("problem-closed", slug="ledger-restored")
    station.stop()


def checkpoint_is_new(world: World) -> bool:
    """Return whether a checkpoint was written in the latest run of the station."""
    rows = world.ask(
        "SELECT 1 FROM events WHERE kind = 'checkpointed' AND sequence >"
        " (SELECT max(sequence) FROM events WHERE kind = 'station-started')"
    )
    return bool(rows)


def back_up(world: World, to: Path) -> None:
    """Copy the ledger as a person would who knows SQLite."""
    to.unlink(missing_ok=True)
    world.ask("VACUUM INTO ?", str(to))


def put_back(world: World, backup: Path) -> None:
    """Put an earlier ledger in the place of a stopped station's."""
    ledger = world.spool / LEDGER
    for suffix in ("-wal", "-shm"):
        ledger.with_name(ledger.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(backup, ledger)


def not_erasable(station: StationProcess, world: World, _: Share) -> None:
    """The camera's file system refuses a deletion; once it permits it, the clip is cleared."""
    station.start()
    serial = world.film()
    with immovable(world, serial, SMALL):
        world.dock(serial, "A1")
        station.happened("wipe-failed")
    undocked(station, world, serial)
    world.dock(serial, "A1")
    cleared(station, world, serial)
    station.stop()


@contextmanager
def immovable(world: World, serial: str, path: str) -> Iterator[None]:
    """Have the file system refuse the deletion of a file, to root as well."""
    subprocess.run(["chattr", "+i", world.file(serial, path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", world.file(serial, path)], check=True)


def store_away(station: StationProcess, world: World, share: Share) -> None:
    """The store is away when the station starts, and comes back."""
    share.leave()
    station.start()
    serial = world.film()
    world.dock(serial, "A1")
    station.happened("problem-opened", slug="store-unreachable")
    share.come_back()
    station.happened("problem-closed", slug="store-unreachable")
    cleared(station, world, serial)
    station.stop()


def _two_charged(station: StationProcess, world: World, slots: PoweredSlots) -> None:
    """Start with a camera in both slots, power for both, and wait until both are clear."""
    station.configure(Settings(power=slots.toml(budget_w=FOR_BOTH_W)))
    station.start()
    for slot in SLOTS:
        serial = world.film({SMALL: 1000})
        slots.put_in(serial, slot)
        cleared(station, world, serial)


def _open_dockings(world: World) -> int:
    return len(world.ask("SELECT 1 FROM dockings WHERE ended_at IS NULL"))


def _one_cut(station: StationProcess, world: World, slots: PoweredSlots) -> str:
    """Have the budget suffice for one, and wait until the other is cut; return its slot."""
    station.reload(Settings(power=slots.toml(budget_w=FOR_ONE_W)))
    station.until(lambda: slots.dark() and _open_dockings(world) == 1, "one of two is cut")
    return slots.dark()[0]


def _both_on(station: StationProcess, world: World, slots: PoweredSlots) -> None:
    station.reload(Settings(power=slots.toml(budget_w=FOR_BOTH_W)))
    station.until(lambda: not slots.dark() and _open_dockings(world) == 2, "both are back")


def cut_and_back(station: StationProcess, world: World, _: object) -> None:
    """A docking pauses behind a cut port, and goes on with its power; a restart ends it."""
    with powered_slots(world) as slots:
        _two_charged(station, world, slots)
        # After a death the cut is only found, and its camera a new arrival.
        while not (station.count("docking-paused") and station.count("docking-continued")):
            _one_cut(station, world, slots)
            _both_on(station, world, slots)
        station.stop()


def exchanged_while_cut(station: StationProcess, world: World, _: object) -> None:
    """Behind a cut port a camera is exchanged for another."""
    with powered_slots(world) as slots:
        _two_charged(station, world, slots)
        other = world.film({SMALL: 1000})
        while not station.count("left-while-cut"):
            slot = _one_cut(station, world, slots)
            away = slots.take_out(slot)
            slots.put_in(other, slot)
            _both_on(station, world, slots)
            cleared(station, world, other)
            other = away
        station.stop()


def charging_was_measured(station: StationProcess, world: World, _: object) -> None:
    """A camera charges for a while and is taken out."""
    with powered_slots(world) as slots:
        _two_charged(station, world, slots)
        while not station.count("charge-measured"):
            _looked_at(station, slots, times=3)
            serial = slots.take_out("A1")
            station.until(lambda: _open_dockings(world) == 1, "it is undocked")
            _looked_at(station, slots, times=2)
            slots.put_in(serial, "A1")
            station.until(lambda: _open_dockings(world) == 2, "it is docked again")
        station.stop()


def safety_lifted(station: StationProcess, world: World, _: object) -> None:
    """A camera draws too much, its slot is cut, and a person gives it its power back."""
    with powered_slots(world) as slots:
        _two_charged(station, world, slots)
        port = slots.hub.ports[1]
        usual_ma = port.current_ma
        while not station.count("safety-cut-released"):
            port.current_ma = _TOO_MUCH_MA
            station.until(lambda: slots.dark() == ["A1"], "the slot is cut")
            port.current_ma = usual_ma
            while slots.dark():
                # One that has just been started does not know of the cut before it has looked.
                _looked_at(station, slots, times=4)
                if slots.dark():
                    station.order("release", "slots", "A1")
        station.stop()


def battery_told(station: StationProcess, world: World, _: object) -> None:
    """A camera wrote down its charge, and is looked at again and again."""
    station.start()
    serial = world.film({SMALL: 1000})
    world.dock(serial, "A1")
    (world.rack / "A1" / f".{serial}.battery").write_text("57\n")
    number = 0
    while not station.count("battery-said"):
        number += 1
        world.record(serial, f"DCIM/100MEDIA/9{number:03}.MP4", new_content(1000), mtime_ns=number)
        cleared(station, world, serial)
    station.stop()


def _looked_at(station: StationProcess, slots: PoweredSlots, *, times: int) -> None:
    after = slots.readings() + times
    station.until(lambda: slots.readings() >= after, "the charger is read")


_YANKED = Scenario(yanked, SLOWLY)
_REFUSED = Scenario(refused)
_ORDERS = Scenario(orders)

# The scenario that reaches each kind of fact; those of an ordinary day are in JOURNEY_FACTS.
LEADS_TO: Mapping[str, Scenario] = {
    "docking-paused": Scenario(cut_and_back),
    "docking-continued": Scenario(cut_and_back),
    "left-while-cut": Scenario(exchanged_while_cut),
    "charge-measured": Scenario(charging_was_measured),
    "safety-cut-released": Scenario(safety_lifted),
    "battery-said": Scenario(battery_told),
    "docking-cleared": Scenario(two_days),
    "epoch-begun": Scenario(restored),
    "problem-opened": Scenario(store_away),
    "problem-closed": Scenario(store_away),
    "holds-listed": Scenario(holds_are_shared),
    "uploads-paused": Scenario(paused),
    "uploads-resumed": Scenario(paused),
    "clip-prioritised": Scenario(paused),
    "command-taken": Scenario(commanded),
    "set-aside": _ORDERS,
    "set-free": _ORDERS,
    "clip-seen-again": _YANKED,
    "clip-rehashed": _YANKED,
    "part-spooled": _YANKED,
    "clip-overwritten": Scenario(overwritten),
    "clip-gone": Scenario(deleted),
    "clip-elsewhere": Scenario(cleared_elsewhere),
    "wipe-failed": Scenario(not_erasable),
    "copy-discarded": Scenario(corrupted_in_the_spool),
    "clip-merged": Scenario(touched),
    "spool-purged": Scenario(made_room, Settings(keep_stored_h=0)),
    "spool-copy-lost": Scenario(spool_file_lost),
    "clip-troubled": _REFUSED,
    "clip-held": _REFUSED,
    "clip-released": _ORDERS,
    "clip-retried": _REFUSED,
    "part-unsent": Scenario(part_not_sent),
    "receipt-lost": Scenario(object_lost),
    "transfer-restarted": Scenario(upload_lost),
    "transfer-refused": _REFUSED,
}
NEVER_CAME_BACK = Scenario(never_came_back, replace(SLOWLY, partial_after_h=0))
JOURNEY = Scenario(journey)
# How often each happens on an ordinary day with the clips of `world.JOURNEY`.
JOURNEY_FACTS: Mapping[str, int] = {
    "station-started": 1,
    "spool-adopted": 1,
    "store-probed": 1,
    "checkpointed": 1,
    "docked": 1,
    "listed": 1,
    "clip-seen": 3,
    "clip-copied": 3,
    "clip-verified": 3,
    "docking-offloaded": 1,
    "manifest-stored": 1,
    "transfer-queued": 3,
    "upload-creating": 1,
    "upload-opened": 1,
    "part-sending": 3,
    "part-stored": 3,
    "object-finalizing": 3,
    "object-confirming": 3,
    "receipt-accepted": 6,
    "wipe-intended": 3,
    "clip-wiped": 3,
    "docking-cleared": 1,
    "undocked": 1,
    "station-stopped": 1,
}
