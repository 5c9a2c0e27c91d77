"""The cache of images: filled once, never half, and by nobody who is dead."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rack import image
from tests.rack.waiting import wait_until

_END_S = 30.0
_KEY = "0123456789abcdef"


@pytest.fixture
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "CACHE", tmp_path)


@pytest.mark.usefixtures("_cache")
def test_what_was_filled_is_kept_until_its_content_changes() -> None:
    """The same content is made once, and another of that name takes its place."""
    with image.kept("disk", key=_KEY) as (folder, is_new):
        assert is_new
        (folder / "made").touch()
    with image.kept("disk", key=_KEY) as (folder, is_new):
        assert not is_new
        assert (folder / "made").exists()
    with image.kept("disk", key=_KEY[::-1]) as (_, is_new):
        assert is_new
    assert not folder.exists()


@pytest.mark.usefixtures("_cache")
def test_a_filling_that_failed_is_begun_again() -> None:
    """Half an image is never taken for a whole one."""

    def fill() -> None:
        with image.kept("disk", key=_KEY) as (folder, _):
            (folder / "half").touch()
            raise RuntimeError("no room")

    with pytest.raises(RuntimeError, match="no room"):
        fill()
    with image.kept("disk", key=_KEY) as (folder, is_new):
        assert is_new
        assert not (folder / "half").exists()


def test_a_failing_program_is_quoted(tmp_path: Path) -> None:
    """Whoever builds an image learns what went wrong, not only that it did."""
    with pytest.raises(RuntimeError, match="no such package"):
        image.run("sh", "-c", "echo no such package; exit 100", log=tmp_path / "log")


def test_a_build_ends_with_its_maker_and_shows_its_mounts_to_nobody(tmp_path: Path) -> None:
    """Killed with SIGKILL, it leaves no process that writes, and nothing mounted."""
    inside = tmp_path / "inside"
    inside.mkdir()
    build = f"mount -t tmpfs none {inside}; touch {inside}/mounted; echo $$ > {tmp_path}/up; cat"
    script = (
        "import sys, pathlib\nfrom tests.rack import image\n"
        "image.run('sh', '-c', sys.argv[1] + ' > /dev/null < /dev/zero',"
        " log=pathlib.Path(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", script, build, str(tmp_path / "log")]
    maker = subprocess.Popen(command, cwd=image.ROOT)
    wait_until((tmp_path / "up").exists, what="the build", timeout_s=_END_S)
    assert not (inside / "mounted").exists()
    assert _running(build)
    os.kill(maker.pid, signal.SIGKILL)
    maker.wait()
    wait_until(lambda: not _running(build), what="the build's end", timeout_s=_END_S)


def _running(text: str) -> bool:
    """Say whether any process has this in its command line."""
    return any(text.encode() in _command_line(process) for process in Path("/proc").glob("[0-9]*"))


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
