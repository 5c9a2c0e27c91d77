"""What the maintainer scripts compile: all that is new or was touched, and nothing else.

A few modules stand for the package's; the script is the one that the package carries.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.package.debian import ROOT

pytestmark = pytest.mark.real
# Behind compiled code Python does not look: what bears this was compiled before.
MARK = b"compiled by the version before"


class Library:
    """A library of modules, and the script beside it."""

    def __init__(self, folder: Path) -> None:
        """Put two modules in, compiled and marked."""
        self.lib = folder / "lib"
        self._script = shutil.copy(ROOT / "packaging/debian/compiled.py", folder)
        self.write("same", "VALUE = 'same'\n")
        self.write("package/changed", "VALUE = 'old'\n")
        assert self.run("compile").returncode == 0
        for module in ("same", "package/changed"):
            with self.compiled(module).open("ab") as opened:
                opened.write(MARK)

    def run(self, what: str, *, before: str = "pass") -> subprocess.CompletedProcess[str]:
        """Run the script, after a line of Python."""
        program = (
            f"import runpy, sys\nsys.argv = [{self._script!r}, {what!r}]\n{before}\n"
            f"runpy.run_path({self._script!r}, run_name='__main__')"
        )
        command = [sys.executable, "-I", "-c", program]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def write(self, module: str, text: str, *, time_s: int = 1_000_000_000) -> None:
        """Write a module's source, with a time of its own."""
        source = self.source(module)
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text, encoding="utf-8")
        os.utime(source, (time_s, time_s))

    def source(self, module: str) -> Path:
        return self.lib / f"{module}.py"

    def compiled(self, module: str) -> Path:
        return Path(importlib.util.cache_from_source(self.source(module)))

    def says(self, module: str) -> str:
        """Import a module as a command would, without writing anything; return its value."""
        name = Path(module).name
        folder = str(self.source(module).parent)
        program = f"import sys; sys.path.insert(0, {folder!r}); import {name}; print({name}.VALUE)"
        command = [sys.executable, "-I", "-B", "-c", program]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        return found.stdout.strip()

    def is_from_before(self, module: str) -> bool:
        return self.compiled(module).read_bytes().endswith(MARK)

    def is_valid(self, module: str) -> bool:
        """Whether Python takes what is compiled for that of the source."""
        status = self.source(module).stat()
        begins = [0, int(status.st_mtime), status.st_size]
        expected = b"".join(part.to_bytes(4, "little") for part in begins)
        return self.compiled(module).read_bytes()[4:16] == expected


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Return a library as a version left it."""
    return Library(tmp_path)


def test_only_what_changed_is_compiled(library: Library) -> None:
    """What is as it was is taken back, though a new version gives every file a new time."""
    library.run("lay-aside")
    library.write("same", "VALUE = 'same'\n", time_s=1_100_000_000)
    library.write("package/changed", "VALUE = 'a longer one'\n", time_s=1_100_000_000)
    library.write("new", "VALUE = 'new'\n", time_s=1_100_000_000)
    assert library.run("compile").returncode == 0
    for module in ("same", "package/changed", "new"):
        assert library.is_valid(module), module
    assert library.is_from_before("same")
    assert not library.is_from_before("package/changed")
    assert [library.says(each) for each in ("same", "package/changed", "new")] == [
        *("same", "a longer one", "new")
    ]
    assert {path.name for path in library.lib.parent.iterdir()} == {"lib", "compiled.py"}


def test_time_and_size_are_not_believed(library: Library) -> None:
    """Another version's file of the same time and size runs as it is, before and after."""
    library.run("lay-aside")
    library.write("package/changed", "VALUE = 'new'\n")
    assert library.says("package/changed") == "new"
    library.run("compile")
    assert library.says("package/changed") == "new"
    assert library.is_valid("package/changed")


def test_between_the_two_nothing_is_compiled(library: Library) -> None:
    """Whatever is started while the new files come in is what its sources say."""
    library.run("lay-aside")
    assert not list(library.lib.rglob("*.pyc"))


def test_what_is_gone_leaves_nothing(library: Library) -> None:
    """A module that the new version has not is not found compiled either, nor is its folder."""
    library.run("lay-aside")
    library.source("package/changed").unlink()
    library.source("package/changed").parent.rmdir()
    library.run("compile")
    assert {path.name for path in library.lib.rglob("*.pyc")} == {library.compiled("same").name}


def test_what_was_edited_by_hand_is_not_taken_for_the_package_s(library: Library) -> None:
    """What is compiled of a source that is not there is compiled anew of the one that is."""
    edited = library.compiled("same").read_bytes()
    library.write("same", "VALUE = 'by hand'\n", time_s=1_050_000_000)
    library.run("lay-aside")
    library.write("same", "VALUE = 'same'\n")
    library.run("compile")
    assert library.compiled("same").read_bytes() != edited
    assert not library.is_from_before("same")


def test_another_python_compiles_everything(library: Library) -> None:
    """What an interpreter compiled is not taken back for another one."""
    other = "import importlib.util; importlib.util.MAGIC_NUMBER = b'abcd'"
    library.run("lay-aside")
    library.run("compile", before=other)
    assert library.says("same") == "same"
    assert not library.is_from_before("same")
    library.run("lay-aside", before=other)
    library.run("compile")
    assert library.says("same") == "same"
    assert not library.is_from_before("same")


@pytest.mark.parametrize("moment", ["shutil.rmtree", "compileall.compile_dir", "Path.rename"])
def test_what_was_interrupted_compiles_everything_again(library: Library, moment: str) -> None:
    """A postinst that was killed anywhere leaves nothing that the next one does not make good."""
    library.run("lay-aside")
    library.write("package/changed", "VALUE = 'new'\n")
    imports = "import compileall, os, shutil; from pathlib import Path"
    end = f"{imports}; {moment} = lambda *_, **__: os._exit(9)"
    assert library.run("compile", before=end).returncode == 9
    assert library.says("package/changed") == "new"
    assert library.run("compile").returncode == 0
    assert [library.says(each) for each in ("same", "package/changed")] == ["same", "new"]
    assert library.is_valid("same")
    assert library.is_valid("package/changed")


def test_without_anything_laid_aside_everything_is_compiled(library: Library) -> None:
    """As at the first installation: no time and no size is reason to let something be."""
    library.run("compile")
    assert not library.is_from_before("same")
    assert not library.is_from_before("package/changed")


def test_what_cannot_be_compiled_fails(library: Library) -> None:
    """Who installs it is told, as of anything that would fail on a station."""
    library.write("new", "VALUE = \n")
    failed = library.run("compile")
    assert failed.returncode == 1
    assert "new.py" in failed.stdout + failed.stderr
