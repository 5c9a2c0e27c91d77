"""A real Prometheus and its promtool, with what packaging/ops/prometheus gives a fleet."""

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.fakes.servers import ROOT, free_ports

OPS: Final = ROOT / "packaging/ops/prometheus"
PATIENCE_S = 60.0
_POLL_S = 0.1
_STOP_S = 10.0
_ANSWER_S = 10.0
_HOME: Final = ROOT / "build/unpacked/prometheus/usr/bin"


def set_up(folder: Path) -> Path:
    """Lay out what a fleet's Prometheus has, as the package of dockd has it; return its folder."""
    home = shutil.copytree(OPS, folder / "prometheus")
    made = subprocess.run(
        [sys.executable, ROOT / "packaging/generate/prometheus_rules.py"],
        check=True, capture_output=True,
    )  # fmt: skip
    (home / "rules/problems.yml").write_bytes(made.stdout)
    return home


def promtool(
    *arguments: str | Path, within: Path, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run promtool in a folder; its answer is the caller's to judge."""
    return subprocess.run(
        [_program("promtool"), *arguments], cwd=within, input=stdin,
        capture_output=True, check=False,
    )  # fmt: skip


def _program(name: str) -> Path:
    program = _HOME / name
    if not program.exists():
        raise RuntimeError("prometheus is not unpacked: packaging/setup-system test")
    return program


class Prometheus:
    """A server, to be asked."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, path: str, **arguments: str) -> Any:  # noqa: ANN401 - JSON
        """Return the data of an answer; what it does not understand is an error with its words."""
        query = urllib.parse.urlencode(arguments)
        try:
            url = f"http://127.0.0.1:{self._port}{path}?{query}"
            with urllib.request.urlopen(url, timeout=_ANSWER_S) as reply:
                return json.load(reply)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{arguments}: {error.read().decode()}") from None

    def query(self, expression: str) -> Sequence[dict[str, Any]]:
        """Return the series of an expression, as of now."""
        found: Sequence[dict[str, Any]] = self.ask("/api/v1/query", query=expression)["result"]
        return found

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something is true; a server that does not answer yet is waited for."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not self._holds(condition):
            assert time.monotonic() < deadline_s, f"it never came about that {what}"
            time.sleep(_POLL_S)

    @staticmethod
    def _holds(condition: Callable[[], object]) -> bool:
        try:
            return bool(condition())
        except OSError:
            return False


@contextmanager
def prometheus(home: Path) -> Iterator[Prometheus]:
    """Run a server on loopback for the length of a test."""
    (port,) = free_ports(1)
    with (home / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                _program("prometheus"),
                f"--config.file={home / 'prometheus.yml'}",
                f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(_STOP_S)
