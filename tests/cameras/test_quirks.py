"""Quirk files: what is peculiar to a model, checked as the configuration is."""

import os
from pathlib import Path

import pytest

from dockd.cameras import quirks
from dockd.errors import ConfigInvalid

GENERIC = 'model = "generic"\n'


def write(folder: Path, **texts: str) -> list[Path]:
    """Write quirk files by their names."""
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    return sorted(folder.glob("*.toml"))


def status(mode: int) -> os.stat_result:
    """Return the status of a file with these permissions."""
    return os.stat_result((0o100000 | mode, 0, 0, 1, 0, 0, 0, 0, 0, 0))


def test_every_shipped_file_is_right_and_one_is_for_all_others() -> None:
    """What dockd is shipped with is found beside its code and can be used."""
    known = quirks.load()
    assert known.of("46f4", "0001").model == "QEMU usb-storage"
    assert known.of("1234", "5678").model == "generic"
    assert known.of("1234", "5678").clearable == ("DCIM/**",)


def test_exact_ids_come_before_a_makers(tmp_path: Path) -> None:
    """A file about one model is taken before one about all of its maker's."""
    known = quirks.load_from(
        write(
            tmp_path,
            a='model = "maker"\nids = ["1234:*"]\n',
            b='model = "model"\nids = ["1234:0001"]\n',
            c=GENERIC,
        )
    )
    names = [known.of(*ids).model for ids in (("1234", "0001"), ("1234", "2"), ("9", "1"))]
    assert names == ["model", "maker", "generic"]


def test_everything_wrong_in_every_file_is_said_at_once(tmp_path: Path) -> None:
    """Each problem has its file, its key and what would be right."""
    files = write(
        tmp_path,
        a='ids = ["46F4:0001"]\nclearabel = []\nclock = "sundial"\nflagged = "x"\n',
        b='model = "b"\nids = ["1234:0001"]\nclearable = ["**", "DCIM/../x", "MISC/**"]\n',
        c='model = "c"\nids = ["1234:0001"]\n',
        d="not toml",
        e='model = "e"\nids = ["1234:0001"]\n',
    )
    with pytest.raises(ConfigInvalid) as caught:
        quirks.load_from(files)
    said = {problem.key_path: str(problem) for problem in caught.value.problems}
    assert list(said) == [
        "a.toml: ids[0]",
        "a.toml: clearabel",
        "a.toml: clock",
        "a.toml: flagged",
        "a.toml: model",
        "b.toml: clearable[0]",
        "b.toml: clearable[1]",
        "b.toml: clearable[2]",
        "d.toml",
        "e.toml: ids[0]",
    ]
    assert "did you mean clearable?" in said["a.toml: clearabel"]
    assert '"mtime-utc"' in said["a.toml: clock"]
    assert "c.toml is about" in said["e.toml: ids[0]"]


def test_a_clip_is_flagged_as_its_model_marks_it() -> None:
    """By the folder it lies in, and for some models by the read-only attribute."""
    known = quirks.load()
    novatek, generic = known.of("0603", "8611"), known.of("1", "2")
    clip = b"CARDV/MOVIE/a.mp4"
    assert not quirks.is_flagged(novatek, clip, status(0o755))
    assert quirks.is_flagged(novatek, clip, status(0o555))
    assert quirks.is_flagged(novatek, b"CARDV/Movie/RO/a.mp4", status(0o755))
    assert not quirks.is_flagged(generic, clip, status(0o555))
    assert quirks.is_flagged(generic, b"DCIM/LOCKED/a", status(0o755))
    assert not quirks.is_flagged(generic, b"DCIM/LOCKED", status(0o755))
