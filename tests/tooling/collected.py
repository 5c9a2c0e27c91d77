"""The tests that there are, as pytest finds them: what tables of promises are held against."""

import ast
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


@cache
def functions_in(file: str) -> frozenset[str]:
    """Return the names of a file's plain tests, which is cheaper to ask than pytest."""
    tree = ast.parse((_ROOT / file).read_text())
    found = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in found)


def files_of(nodes: Iterable[str]) -> frozenset[str]:
    """Return the files in which tests of these node ids are."""
    return frozenset(node.partition("::")[0] for node in nodes)


def is_one_of(test: str, node: str) -> bool:
    """Return whether a test is the one named, or one of its parameters."""
    return test == node or test.startswith(f"{node}[") or ("[" in node and test.startswith(node))
