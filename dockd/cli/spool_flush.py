"""What `dockd doctor` finds of a spool's flushes: whether they are meant, and how long they take.

With write barriers off a disk confirms what it has only in memory, and a power cut takes clips that
the ledger calls proven (mount(8), "barrier").
"""

import os
import secrets
import time
from pathlib import Path
from typing import Final

_OFF: Final = frozenset({"nobarrier", "barrier=0", "barrier=none"})
_SLOW_S: Final = 1.0
_TRIAL_BYTES: Final = 4096


def flushes(path: Path, *, mounts: str | None = None) -> tuple[bool, str, str]:
    """Return whether it is well, a sentence, and the next step where it is not.

    Args:
        path: The spool's folder.
        mounts: What the kernel says of mounts (proc_pid_mountinfo(5)); None asks it.

    Raises:
        OSError: nothing can be written there.
    """
    device = path.stat().st_dev
    text = Path("/proc/self/mountinfo").read_text() if mounts is None else mounts
    off = _OFF & options_of(text, device=f"{os.major(device)}:{os.minor(device)}")
    if off:
        sentence = f"a flush is no flush: the spool is mounted with {', '.join(sorted(off))}"
        return False, sentence, "Mount it without: what is proven must outlive a power cut."
    took_s = _flush_s(path)
    return (
        took_s <= _SLOW_S,
        f"a flush takes {took_s * 1000:.0f} ms",
        "Check the disk and what else loads it: each fact waits for a flush.",
    )


def options_of(mounts: str, *, device: str) -> frozenset[str]:
    """Return the options of a device's mounts and of its file system."""
    found: set[str] = set()
    for line in mounts.splitlines():
        mount, _, file_system = line.partition(" - ")
        fields, ends = mount.split(), file_system.split()
        if len(fields) > 5 and fields[2] == device and len(ends) > 2:  # noqa: PLR2004 - the form of the file
            found |= {*fields[5].split(","), *ends[2].split(",")}
    return frozenset(found)


def _flush_s(path: Path) -> float:
    trial = path / f".dockd-trial-{secrets.token_hex(4)}"
    try:
        with trial.open("xb") as file:
            file.write(bytes(_TRIAL_BYTES))
            file.flush()
            began_s = time.monotonic()
            os.fsync(file.fileno())
            return time.monotonic() - began_s
    finally:
        trial.unlink(missing_ok=True)
