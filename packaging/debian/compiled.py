"""Byte-compile the package's modules; what an upgrade leaves as it was is not compiled again.

    compiled.py lay-aside   the preinst of an upgrade: keeps compiled code by its source's content
    compiled.py compile     the postinst: takes back what fits the new sources, compiles the rest

Between the two nothing is compiled, so that whatever starts meanwhile is what its sources say: the
files of two versions may have the same time and size, which is all that Python goes by (PEP 552).
What was laid aside is used once: a postinst that was interrupted compiles everything again.
"""

import compileall
import hashlib
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LIBRARY = Path(__file__).resolve().parent / "lib"
ASIDE = LIBRARY.with_name("compiled-before")
# What no command of dockd's imports: a quarter of all, and an installation's time goes by here.
NEVER = re.compile(r"/(pygments/(lexers/[a-z]|styles)|pydantic/v1|pycparser)")
# Fewer than these are compiled before other processes have started to.
FEW = 100


def sources() -> Iterator[tuple[Path, Path, Path]]:
    """Yield each module, where its compiled code belongs, and where that is laid aside."""
    for source in sorted(LIBRARY.rglob("*.py")):
        if NEVER.search(str(source)) is None:
            # Compiled code is one interpreter's, and tells where it is from.
            content = importlib.util.MAGIC_NUMBER + f"{source}\0".encode() + source.read_bytes()
            name = hashlib.blake2b(content, digest_size=16).hexdigest()
            yield source, Path(importlib.util.cache_from_source(source)), ASIDE / name


def head(source: Path) -> bytes:
    """Return how the compiled code of a module begins, for Python to use it."""
    status = source.stat()
    parts = (0, int(status.st_mtime), status.st_size)
    return importlib.util.MAGIC_NUMBER + b"".join(
        (part & 0xFFFFFFFF).to_bytes(4, "little") for part in parts
    )


def lay_aside() -> None:
    """Keep what is compiled, and of the source that is there, for the version that comes."""
    shutil.rmtree(ASIDE, ignore_errors=True)
    ASIDE.mkdir()
    for source, compiled, aside in sources():
        with suppress(FileNotFoundError), compiled.open("rb") as opened:
            if opened.read(16) == head(source):
                compiled.rename(aside)
    forget()


def compile_all() -> bool:
    """Compile everything, or take it back; return whether all of it could be compiled."""
    forget()
    missing = 0
    for source, compiled, aside in sources():
        if aside.exists():
            with aside.open("r+b") as opened:
                opened.write(head(source))
            compiled.parent.mkdir(exist_ok=True)
            aside.rename(compiled)
        else:
            missing += 1
    workers = 1 if missing < FEW else 0
    is_compiled = compileall.compile_dir(LIBRARY, quiet=1, rx=NEVER, workers=workers)
    shutil.rmtree(ASIDE, ignore_errors=True)
    return bool(is_compiled)


def forget() -> None:
    """Remove what is compiled, also of modules that are no more."""
    for folder in list(LIBRARY.rglob("__pycache__")):
        shutil.rmtree(folder)


if __name__ == "__main__":
    os.umask(0o022)
    if sys.argv[1:] == ["lay-aside"]:
        lay_aside()
    else:
        sys.exit(0 if compile_all() else 1)
