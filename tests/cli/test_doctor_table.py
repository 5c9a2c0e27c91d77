"""Everything that an installer can get wrong, with the tests in which the doctor finds it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from dockd.cli import doctor
from dockd.cli.doctor import Finding
from dockd.cli.exits import Exit
from dockd.config import parse
from dockd.station.clock import SystemClock
from tests.tooling.collected import functions_in

_HERE: Final = "tests/cli/test_doctor_table.py"
_VAULT: Final = "tests/examples/test_vault.py"
_OTHER: Final = "tests/cli/test_doctor_"
TABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "udev rules": (f"{_OTHER}slots.py::test_the_rules_of_udev_are_looked_for",),
    "helper": (f"{_OTHER}slots.py::test_what_is_wrong_with_slots_is_named",),
    "ports that do not switch": (
        f"{_OTHER}power.py::test_a_port_without_a_switch_and_a_slot_without_a_port_are_named",
    ),
    "spool file system": (f"{_OTHER}spool.py::test_a_spool_that_is_not_mounted_is_said",),
    "its flush behaviour": (
        f"{_OTHER}spool.py::test_a_flush_is_tried",
        f"{_OTHER}spool.py::test_a_disk_that_only_says_that_it_flushed_is_found",
    ),
    "store with a real write, read and delete under a test key": (
        "tests/cli/test_stopped_station.py::test_the_doctor_tells_areas_apart",
        f"{_VAULT}::test_it_is_used_through_everything_that_is_wrapped_around_a_store",
    ),
    "credentials": (f"{_HERE}::test_credentials_that_are_not_there_are_named",),
    "clock": (f"{_HERE}::test_the_clock_is_judged_as_the_station_judges_it",),
    "TLS": (f"{_HERE}::test_tls_files_that_cannot_be_used_are_said",),
    "MQTT": (f"{_OTHER}mqtt.py::test_the_doctor_tries_the_broker_out",),
    "permissions": (
        f"{_HERE}::test_a_spool_that_may_not_be_written_is_said",
        f"{_OTHER}permissions.py::test_what_only_root_may_is_found",
        f"{_OTHER}permissions.py::test_what_the_daemon_may_is_well",
    ),
    "an exit status per kind of failure": (
        f"{_HERE}::test_each_kind_of_failure_has_a_status_of_its_own",
    ),
}


@pytest.mark.parametrize("noun", TABLE)
def test_every_noun_of_the_issue_has_a_test(noun: str) -> None:
    """Each names at least one, and each that it names is there."""
    assert TABLE[noun]
    for node in TABLE[noun]:
        file, _, name = node.partition("::")
        assert name in functions_in(file), node


@pytest.mark.parametrize(
    ("areas", "status"),
    [
        ((), Exit.YES),
        (("system",), Exit.SYSTEM),
        (("spool",), Exit.SPOOL),
        (("store",), Exit.STORE),
        (("clock",), Exit.CLOCK),
        (("network",), Exit.NETWORK),
        (("power", "power"), Exit.POWER),
        (("clock", "power"), Exit.NO),
    ],
)
def test_each_kind_of_failure_has_a_status_of_its_own(
    areas: tuple[doctor.Area, ...], status: Exit
) -> None:
    """What is well changes nothing, and failures of several kinds are 1."""
    found = [Finding(area=area, well=False, sentence="", next_step="x") for area in areas]
    assert doctor.verdict(found) is status
    assert doctor.verdict([*found, Finding(area="store", well=True, sentence="")]) is status


def test_the_clock_is_judged_as_the_station_judges_it() -> None:
    """By the kernel's word for whether anybody keeps it right."""
    (finding,) = doctor._clock()
    assert finding.area == "clock"
    assert finding.well is SystemClock().synchronisation().synchronised
    assert finding.well is not bool(finding.next_step)


@pytest.mark.asyncio
async def test_credentials_that_are_not_there_are_named(tmp_path: Path) -> None:
    """The file is named, before anybody is asked: no wrong word of a network."""
    absent = tmp_path / "store.credentials"
    store = {
        "name": "central",
        "kind": "s3",
        "endpoint": "http://127.0.0.1:9",
        "bucket": "footage",
        "credentials": str(absent),
    }
    found = await doctor._stores(parse({"store": [store]}))
    assert {finding.area for finding in found if not finding.well} == {"store"}
    assert str(absent) in found[0].sentence
    assert found[0].next_step


def test_tls_files_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    """A certificate that is none is a matter of the network, with what to do."""
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("no certificate")
    http = {"tls_cert": str(tmp_path / "cert.pem"), "tls_key": str(tmp_path / "key.pem")}
    (finding,) = doctor._tls(parse({"http": http}).http)
    assert (finding.area, finding.well) == ("network", False)
    assert "PEM" in finding.next_step


def test_a_spool_that_may_not_be_written_is_said() -> None:
    """Whoever runs it, nobody can make a file there; the way to give it to dockd is said."""
    *_, finding = doctor._spool(parse({"spool": {"path": "/sys"}}))
    assert (finding.area, finding.well) == ("spool", False)
    assert "/sys cannot be written" in finding.sentence
    assert "ReadWritePaths=" in finding.next_step
