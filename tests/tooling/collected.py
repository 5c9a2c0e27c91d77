"""The tests that there are, as pytest finds them: what tables of promises are held against."""

import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[2]


@cache
def nodes_in(files: frozenset[str]) -> frozenset[str]:
    """Return the node id of every test in these files."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    found = subprocess.run(
        [*command, "-o", "addopts=--import-mode=importlib", *sorted(files)],
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return frozenset(line for line in found.stdout.splitlines() if "::" in line)


def files_of(nodes: Iterable[str]) -> frozenset[str]:
    """Return the files in which tests of these node ids are."""
    return frozenset(node.partition("::")[0] for node in nodes)


def is_one_of(test: str, node: str) -> bool:
    """Return whether a test is the one named, or one of its parameters."""
    return test == node or test.startswith(f"{node}[") or ("[" in node and test.startswith(node))
