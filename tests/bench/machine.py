"""The machine that measured, in one line; and whether the peers are on it."""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.measuring import MIB, Failed


def describe(folder: Path) -> str:
    """Return the processor, cores, memory, kernel and the file system that holds ``folder``."""
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB
    cores = len(os.sched_getaffinity(0))
    return (
        f"{_processor()}, {cores} cores, {memory_mib / 1024:.0f} GiB, "
        f"Linux {platform.release()}, {_file_system(folder)}, Python {platform.python_version()}"
    )


def program(name: str) -> str:
    """Return the path of a peer: beside this interpreter, else on the PATH.

    Raises:
        Failed: it is on neither; a benchmark without its peer shows nothing.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise Failed(f"the peer {name} is missing: run `make bench`, which installs it")
    return found


def version(name: str, *arguments: str) -> str:
    """Return what a peer says of its own version: the first number with a dot in it."""
    command = (program(name), *(arguments or ("--version",)))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"\d+\.\d+[\w.]*", done.stdout)
    return f"{name} {found[0] if found else '?'}"


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _file_system(folder: Path) -> str:
    done = subprocess.run(
        ("stat", "--file-system", "--format=%T", str(folder)),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().replace("ext2/ext3", "ext4")
