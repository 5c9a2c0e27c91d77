"""`dockd doctor`: what the station stands on, looked at from outside, one finding a question.

Nothing is changed: the trial file in the spool and the trial objects in the stores are removed
again (a store that denies that is well: a locked bucket should).
"""

import asyncio
import importlib.util
import os
import secrets
import ssl
import sys
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from dockd import config as configs
from dockd.cli.acting import name_of
from dockd.cli.charging_hub import charging_hub
from dockd.cli.charging_ports import charging_ports, worn
from dockd.cli.exits import Exit
from dockd.cli.spool_flush import flushes
from dockd.config import LEAST_TOKEN_BYTES, Config, HttpConfig
from dockd.core import naming
from dockd.daemon import building
from dockd.errors import DockdError, SpoolChanged, StoreUnreachable
from dockd.ports.helper import Helper
from dockd.ports.store import Store
from dockd.station.clock import SystemClock
from dockd.station.helper_client import HelperClient
from dockd.station.spool.direct_io import why_not_below
from dockd.station.spool.witness import IN_THE_PACKAGE, VARIABLE, Witness
from dockd.stores.rate_limited import SharedRate

Area = Literal["system", "spool", "store", "clock", "network", "power"]
_EXITS: Final[dict[Area, Exit]] = {
    "system": Exit.SYSTEM,
    "spool": Exit.SPOOL,
    "store": Exit.STORE,
    "clock": Exit.CLOCK,
    "network": Exit.NETWORK,
    "power": Exit.POWER,
}
_PYTHON: Final = (3, 11)
_RULES: Final = "90-dockd.rules"
# The order in which udev looks (udev(7)).
_RULES_FOLDERS: Final = tuple(
    Path(folder) / "udev/rules.d"
    for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer to one question; ``next_step`` is empty when all is well."""

    area: Area
    well: bool
    sentence: str
    next_step: str = ""

    def as_json(self) -> dict[str, str | bool]:
        """Return it for programs."""
        return {
            "area": self.area,
            "well": self.well,
            "finding": self.sentence,
            "next": self.next_step,
        }


def examine(config: Config) -> Sequence[Finding]:
    """Return every finding; blocks for as long as the stores take to answer."""
    return [
        *_system(),
        *_doubts(config),
        *_spool(config),
        *asyncio.run(_stores(config)),
        *_udev_rules(config),
        *_slots(config, HelperClient()),
        *_clock(),
        *_tls(config.http),
        *_token(config.http),
        *asyncio.run(_broker(config)),
        *_power(config),
        *(_finding("power", *said) for said in worn(config)),
    ]


def _doubts(config: Config) -> Iterator[Finding]:
    for doubt in configs.doubts(config):
        sentence = f"{doubt.key_path} {doubt.reason}"
        next_step = f"In the configuration, {doubt.would_be_right}."
        yield Finding(area="system", well=False, sentence=sentence, next_step=next_step)


def _slots(config: Config, helper: Helper) -> Iterator[Finding]:
    """Look at the USB ports that are slots, and at what stands between them and the kernel."""
    named = [slot for slot in config.slots if slot.port]
    moving = ", ".join(slot.name for slot in named if slot.port and slot.port[0].isdigit())
    if moving:
        yield Finding(
            area="system",
            well=False,
            sentence=f"The ports of {moving} are in the short form, which moves between boots",
            next_step='Write each as ID_PATH begins it, as "pci-0000:00:14.0-usb-0:1.2".',
        )
    if not named and not config.cameras.auto_slots:
        return
    try:
        rows = helper.slots()
    except DockdError as error:
        yield Finding(area="system", well=False, sentence=str(error), next_step=error.next_step)
        return
    unguarded = ", ".join(row.slot for row in rows if not row.guarded)
    yield Finding(
        area="system",
        well=not unguarded,
        sentence=f"The kernel may bind what is plugged into {unguarded} by itself: a bus of that "
        "controller also carries a keyboard"
        if unguarded
        else f"{len(rows)} USB slots, in which the kernel binds nothing by itself",
        next_step="Plug the rack into another controller than the keyboard." if unguarded else "",
    )


def _udev_rules(config: Config, folders: Sequence[Path] = _RULES_FOLDERS) -> Iterator[Finding]:
    """Look for the rules that udev goes by, where USB cameras are docked: a mask hides the rest."""
    if not config.cameras.auto_slots and not any(slot.port for slot in config.slots):
        return
    rules = next((path for folder in folders if os.path.lexists(path := folder / _RULES)), None)
    well = rules is not None and rules.is_file()
    sentence = f"udev goes by {rules}" if well else f"udev has no {_RULES}, or it is masked"
    step = "Install dockd's package, or its rules, then run `udevadm control --reload`."
    yield _finding("system", well, sentence, step)


def verdict(findings: Sequence[Finding]) -> Exit:
    """Return the exit status: 0, that of the one area that is not well, or 1 for several."""
    unwell = {finding.area for finding in findings if not finding.well}
    if not unwell:
        return Exit.YES
    return _EXITS[unwell.pop()] if len(unwell) == 1 else Exit.NO


def table(findings: Sequence[Finding]) -> RenderableType:
    """Return the findings for people."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "area", "finding", "next"):
        shown.add_column(column, overflow="fold")
    for finding in findings:
        mark = Text("ok", "green") if finding.well else Text("NO", "red")
        shown.add_row(mark, finding.area, Text(finding.sentence), Text(finding.next_step))
    return shown


def _system() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield _finding(
        "system",
        sys.version_info >= _PYTHON,
        f"Python {version}",
        "Install Python 3.11 or newer.",
    )
    yield _finding(
        "system",
        importlib.util.find_spec("systemd.journal") is not None,
        "systemd's journal library",
        "Install systemd-python; until then journal lines carry no fields.",
    )
    with suppress(OSError):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        effective = next(line.split()[1] for line in lines if line.startswith("CapEff:"))
        # Only told, not judged: what follows is what this user may, and the daemon has its own.
        who = name_of(os.geteuid())
        yield _finding("system", True, f"looked at as {who}, with capabilities {effective}", "")


def _spool(config: Config) -> Iterator[Finding]:
    path = config.spool.path
    try:
        Witness(Path(os.environ.get(VARIABLE, IN_THE_PACKAGE))).refuse_other(path)
    except SpoolChanged as error:
        yield _finding("spool", False, error.reason, error.next_step)
        return
    if not path.is_dir():
        step = "Create it and give it to dockd's user, or correct spool.path."
        yield _finding("spool", False, f"{path} is not a folder", step)
        return
    space = os.statvfs(path)
    free = space.f_bavail * space.f_frsize
    reserve = config.spool.reserve_bytes(space.f_blocks * space.f_frsize)
    yield _finding(
        "spool",
        free > reserve,
        f"{free} bytes are free, {reserve} are kept in reserve",
        "Free some space, use a larger disk, or lower spool.reserve.",
    )
    try:
        why_not, flush = _why_not_direct(path), flushes(path)
    except OSError as error:
        step = "Give the folder to dockd's user; under systemd, add it to ReadWritePaths= and, if "
        step += "it has a disk of its own, to RequiresMountsFor=."
        yield _finding("spool", False, f"{path} cannot be written: {error.strerror}", step)
        return
    yield _finding(
        "spool",
        why_not is None,
        "copies are read back from the device" if why_not is None else f"no direct I/O: {why_not}",
        "Put the spool on ext4 or xfs on a local disk; copies are proven less strictly until then.",
    )
    yield _finding("spool", *flush)


def _why_not_direct(path: Path) -> str | None:
    """Return why copies cannot be read back past the cache here; None when they can."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return why_not_below(directory)
    finally:
        os.close(directory)


async def _stores(config: Config) -> Sequence[Finding]:
    if not config.store:
        step = "Add a [[store]]; until then the station copies, proves, charges and holds."
        return [_finding("store", False, "no store is configured", step)]
    clock = SystemClock()
    lanes = building.stores(config, rate=SharedRate(clock=clock), clock=clock)
    findings: list[Finding] = []
    for name, lane in lanes.items():
        try:
            findings += [
                await _asked(name, _trial(lane.store, station=config.station.name)),
                await _asked(name, _strength(lane.store)),
            ]
        finally:
            await lane.store.close()
    return findings


async def _asked(name: str, question: Awaitable[Finding]) -> Finding:
    try:
        return await question
    except StoreUnreachable as error:
        return _finding("network", False, f"store {name}: {error.reason}", error.next_step)
    except DockdError as error:
        return _finding("store", False, f"store {name}: {error.reason}", error.next_step)


async def _trial(store: Store, *, station: str) -> Finding:
    """Write a trial object, read it back, and delete it where that is allowed."""
    content = secrets.token_bytes(64)
    key = f".dockd-doctor/{naming.component(station.encode())}-{secrets.token_hex(4)}"
    await store.write_record(key, content)
    same = not store.readable or await store.read_record(key) == content
    deleted = True
    try:
        await store.delete_record(key)
    except DockdError:
        deleted = False
    return _finding(
        "store",
        same,
        f"store {store.name}: a trial object was written"
        + (
            f" and {'read back' if same else 'came back as something else'}"
            if store.readable
            else ""
        )
        + ("" if deleted else "; its deletion was denied, as a locked bucket should"),
        "Check what stands between the station and the store, and the store itself.",
    )


async def _strength(store: Store) -> Finding:
    probe = await store.probe()
    return _finding(
        "store",
        probe.strength == "digest",
        f"store {store.name}: receipts are of strength {probe.strength} ({probe.detail})",
        "Use a store that verifies part checksums, or let it be asked: "
        'read_back = "when-unproven" (s3), receipt_url (tus); no camera is cleared until then.',
    )


def _clock() -> Iterator[Finding]:
    found = SystemClock().synchronisation()
    yield _finding(
        "clock",
        found.synchronised,
        "the clock is synchronised" if found.synchronised else "the clock is not synchronised",
        "Make a time server reachable (`timedatectl timesync-status`, `chronyc tracking`).",
    )


def _tls(http: HttpConfig) -> Iterator[Finding]:
    if http.tls_cert is None or http.tls_key is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(http.tls_cert, http.tls_key)
        if http.client_ca is not None:
            context.load_verify_locations(http.client_ca)
    except (OSError, ssl.SSLError) as error:
        step = "Give dockd's user a certificate and its key that belong together, as PEM."
        yield _finding("network", False, f"the station's own TLS files: {error}", step)
    else:
        yield _finding("network", True, "the station's own TLS files can be used", "")


def _token(http: HttpConfig) -> Iterator[Finding]:
    """Look whether readers can show the token at all: until its file is read nobody is let in."""
    file = http.token_file
    if file is None:
        return
    step = f"Have dockd's user read a token of at least {LEAST_TOKEN_BYTES} bytes there, as "
    step += "`openssl rand -hex 32` makes."
    try:
        length = len(file.read_bytes().strip())
    except OSError as error:
        yield _finding("network", False, f"{file} cannot be read: {error.strerror}", step)
        return
    well = length >= LEAST_TOKEN_BYTES
    said = "the readers' token can be used" if well else f"the token in {file} can be guessed"
    yield _finding("network", well, said, step)


async def _broker(config: Config) -> Sequence[Finding]:
    broker = building.broker(config)
    if broker is None:
        return []
    try:
        await broker.try_out()
    except DockdError as error:
        return [_finding("network", False, f"the MQTT broker: {error.reason}", error.next_step)]
    return [_finding("network", True, "the MQTT broker takes this station's connection", "")]


def _power(config: Config, helper: Helper | None = None) -> Iterator[Finding]:
    driver = config.power.driver
    if driver == "usb-port":
        said = charging_ports(config, helper or HelperClient())
        yield from (_finding("power", *one) for one in said)
        return
    if driver == "cambrionix":
        yield from (_finding("power", *one) for one in charging_hub(config))
        return
    yield _finding("power", True, "cameras charge as their ports do; dockd switches nothing", "")


def _finding(area: Area, well: bool, sentence: str, next_step: str) -> Finding:
    return Finding(area=area, well=well, sentence=sentence, next_step="" if well else next_step)
