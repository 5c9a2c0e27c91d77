import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CITY = {
    "core/backoff.py": "def delay_s():\n    return 2\n",
    "core/flow/breaker.py": "",
    "core/schedule.py": "",
}
BORROWING = "from dockd.core import backoff, flow, schedule\n"

# What is planted, and a word of the contract that must catch it.
VIOLATIONS = {
    "core waits": ({"core/clip.py": "import asyncio\n"}, "The core does no I/O"),
    "core uses a library": ({"core/clip.py": "import pydantic\n"}, "The core does no I/O"),
    "core reads the configuration": (
        {"core/clip.py": "import dockd.config\n", "config.py": ""},
        "Imports go down",
    ),
    "stray module": ({"helpers.py": ""}, "Imports go down"),
    "stray package": ({"util/__init__.py": ""}, "Imports go down"),
    "store meets camera": (
        {"stores/s3.py": "import dockd.cameras\n", "cameras/__init__.py": ""},
        "Imports go down",
    ),
    "store borrows from a store": (
        {"stores/s3.py": "import dockd.stores.tus\n", "stores/tus.py": ""},
        "Families know nothing",
    ),
    "store borrows through a third": (
        {
            "stores/s3.py": "import dockd.stores.chunks\n",
            "stores/chunks.py": "import dockd.stores.tus\n",
            "stores/tus.py": "",
        },
        "Families know nothing",
    ),
    "stage does its own upload": ({"stages/upload.py": "import httpx2\n"}, "Stages speak"),
    "library away from home": ({"station/clock.py": "import httpx2\n"}, "httpx2"),
    "station with simulated cameras": (
        {"daemon.py": "import dockd.simulator\n", "simulator/__init__.py": ""},
        "simulated cameras",
    ),
    "a city with a backoff of its own": (
        {**CITY, "../tests/fleet/station.py": f"{BORROWING}def delay_s():\n    return 1\n"},
        "The simulated city",
    ),
    "a city with no breaker": (
        {**CITY, "../tests/fleet/station.py": "import dockd.core.backoff, dockd.core.schedule\n"},
        "The simulated city",
    ),
    "helper with a library": ({"helper/main.py": "import pyudev\n"}, "privileged helper"),
}


def _lint(folder: Path, *, modules: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run this repository's contracts over a dockd made of the given modules."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "tests/tooling").mkdir(parents=True)
    (folder / "tests/__init__.py").touch()
    shutil.copy(ROOT / "tests/tooling/import_contracts.py", folder / "tests/tooling")
    for name, source in {"__init__.py": "", **modules}.items():
        path = folder / "dockd" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(source)
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_planted_violation_is_caught(violation: str, tmp_path: Path) -> None:
    """Each way of going around the layers breaks the contract that is about it."""
    modules, contract = VIOLATIONS[violation]
    result = _lint(tmp_path, modules=modules)
    assert result.returncode == 1, result.stdout + result.stderr
    broken = [line for line in result.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(contract in line for line in broken), result.stdout


@pytest.mark.slow
def test_the_house_as_designed_is_let_through(tmp_path: Path) -> None:
    """Imports that go down, and libraries at home, break nothing."""
    modules = {
        "cli.py": "import typer\nimport dockd.daemon\nimport dockd.simulator\n",
        "daemon.py": "import dockd.stages\nimport dockd.stores.s3\nimport dockd.config\n",
        "simulator/__init__.py": "import rich\nimport boto3\n",
        "stages/__init__.py": "import asyncio\nimport dockd.ports\nimport dockd.core.clip\n",
        "stores/s3.py": "import httpx2\nimport dockd.stores.retry\n",
        "stores/retry.py": "import dockd.ports\n",
        "ports/__init__.py": "import dockd.core.clip\n",
        "config.py": "import pydantic\nimport dockd.errors\n",
        "core/clip.py": "import dataclasses\nimport hashlib\nimport dockd.errors\n",
        "errors.py": "",
        **CITY,
        "../tests/fleet/station.py": f"{BORROWING}def _delay_s():\n    return 1\n",
    }
    result = _lint(tmp_path, modules=modules)
    assert result.returncode == 0, result.stdout + result.stderr
