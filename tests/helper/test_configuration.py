"""Promises about the helper's configuration: the daemon's files, and only when they are root's."""

import os
from pathlib import Path

import pytest

from dockd.config.reading import load as load_as_the_daemon
from dockd.errors import Refused
from dockd.helper.configuration import Configuration, Watched

ROOT = Path(__file__).parents[2]
A1 = '[[slots]]\nname = "A1"\nport = "1-1.1"\n'


def load(file: Path) -> Configuration:
    """Read the configuration as a helper does that was just started."""
    return Watched(file).now()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a configuration file as an administrator would leave it."""
    tmp_path.chmod(0o755)
    file = tmp_path / "dockd.toml"
    file.write_text(A1)
    file.chmod(0o640)
    return file


def test_the_example_means_the_same_to_helper_and_daemon(file: Path) -> None:
    """Slots, rules and watts of the example, and of a drop-in, are those that the daemon reads."""
    file.write_text((ROOT / "packaging/dockd.toml.example").read_text())
    (file.parent / "dockd.d").mkdir(mode=0o755)
    more = file.parent / "dockd.d/more.toml"
    more.write_text(
        '[[slots]]\nname = "B1"\nport = "1-1.2"\n[power]\ncamera_w = 5\n'
        '[[cameras.accept]]\nfamily = "mtp"\n[cameras]\nauto_slots = true\n'
    )
    more.chmod(0o644)
    ours, theirs = load(file), load_as_the_daemon(file)
    assert dict(ours.slots) == {slot.name: slot.port for slot in theirs.slots if slot.port}
    assert len(ours.slots) == 2
    assert ours.auto_slots is theirs.cameras.auto_slots is True
    assert (ours.budget_w, ours.camera_w) == (theirs.power.budget_w, theirs.power.camera_w)
    assert [(rule.family, rule.vendor_id, rule.product_id, rule.serial) for rule in ours.rules] == [
        (rule.family, rule.vendor_id, rule.product_id, rule.serial)
        for rule in theirs.cameras.accept
    ]


def test_without_a_file_there_are_no_slots(tmp_path: Path) -> None:
    """An unconfigured station has a helper that serves nothing."""
    assert load(tmp_path / "dockd.toml").slots == {}


@pytest.mark.parametrize("mode", [0o660, 0o646, 0o666])
def test_a_file_that_others_may_write_is_not_used(file: Path, mode: int) -> None:
    """A group's or anybody's write permission on the file stops the helper."""
    file.chmod(mode)
    with pytest.raises(Refused, match="others than root may write") as refusal:
        load(file)
    assert refusal.value.slug == "config-invalid"


@pytest.mark.parametrize("where", ["dockd.toml", ".", "dockd.d", "dockd.d/more.toml"])
def test_what_belongs_to_somebody_else_is_not_used(file: Path, where: str) -> None:
    """Nor is a file, or any in a folder, that another user owns and so could exchange."""
    (file.parent / "dockd.d").mkdir()
    (file.parent / "dockd.d/more.toml").write_text("")
    for each in (file.parent / "dockd.d", file.parent / "dockd.d/more.toml"):
        each.chmod(0o755)
    load(file)
    os.chown(file.parent / where, 65534, -1)
    with pytest.raises(Refused, match="others than root"):
        load(file)


def test_a_link_into_somebody_elses_folder_is_not_followed(file: Path) -> None:
    """Root's file, where another user may put a different one in its place, is not used."""
    elsewhere = file.parent / "theirs"
    elsewhere.mkdir(mode=0o755)
    real = file.rename(elsewhere / "dockd.toml")
    file.symlink_to(real)
    load(file)
    os.chown(elsewhere, 65534, -1)
    with pytest.raises(Refused, match="others than root"):
        load(file)


@pytest.mark.parametrize(
    "text",
    [
        "slots = 1",
        "slots = [1]",
        "[[slots]]\nport = '1-1'",
        "[[slots]]\nname = 1\nport = '1-1'",
        "[[slots]]\nname = '../A1'\nport = '1-1'",
        "[[slots]]\nname = 'A1'\nport = '../../block/sda'",
        "[[slots]]\nname = 'A1'\nport = 5",
        A1 + A1,
        A1 + "[[slots]]\nname = 'A2'\nport = '1-1.1'",
        "cameras = []",
        "[[cameras.accept]]\nserial = '*'",
        "[[cameras.accept]]\nfamily = 'mass-storage'\nserial = 5",
        "[[cameras.accept]]\nfamily = 'mass-storage'\nvendor_id = [1]",
        "[power]\nbudget_w = 'much'",
        "= nothing",
        "name = '\udcff'",
    ],
)
def test_what_cannot_be_understood_is_refused_whole(file: Path, text: str) -> None:
    """A malformed configuration is one refusal, whatever is wrong with it."""
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(Refused) as refusal:
        load(file)
    assert refusal.value.slug == "config-invalid"


def test_a_change_counts_from_the_next_request_on(file: Path) -> None:
    """Files that change, come or go are read again without anybody saying so."""
    watched = Watched(file)
    assert set(watched.now().slots) == {"A1"}
    file.write_text(A1.replace("A1", "C1"))
    assert set(watched.now().slots) == {"C1"}
    (file.parent / "dockd.d").mkdir(mode=0o755)
    more = file.parent / "dockd.d/b.toml"
    more.write_text(A1.replace("A1", "B1").replace("1-1.1", "1-1.2"))
    more.chmod(0o644)
    assert set(watched.now().slots) == {"C1", "B1"}
    more.unlink()
    assert set(watched.now().slots) == {"C1"}


def test_a_slip_leaves_the_old_one_in_force_and_a_stranger_does_not(file: Path) -> None:
    """As in the daemon, a typing error changes nothing; a file that others may write stops all."""
    watched = Watched(file)
    watched.now()
    file.write_text("= nothing")
    assert set(watched.now().slots) == {"A1"}
    file.write_text(A1)
    file.chmod(0o666)
    with pytest.raises(Refused):
        watched.now()
    file.chmod(0o640)
    assert set(watched.now().slots) == {"A1"}
