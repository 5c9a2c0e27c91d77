"""Reading the configuration: find the files, merge them, and report everything wrong at once."""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from dockd.config import checks, problems
from dockd.config.models import Config
from dockd.core.fragments import merge
from dockd.errors import ConfigInvalid, ConfigProblem

DEFAULT_PATH: Final = Path("/etc/dockd/dockd.toml")


def locate(path: Path | None) -> Path:
    """Return the file that counts: `path`, else ``$DOCKD_CONFIG``, else the system's."""
    if path is not None:
        return path
    named = os.environ.get("DOCKD_CONFIG")
    return Path(named) if named else DEFAULT_PATH


def load(path: Path | None = None) -> Config:
    """Return the configuration of the file that counts and its sibling ``dockd.d/*.toml``.

    Where nobody named a file and the system has none, all keys have their defaults: an
    unconfigured station starts, and says what it lacks.

    Raises:
        ConfigInvalid: with every problem of every file.
    """
    main = locate(path)
    nobody_named_it = path is None and "DOCKD_CONFIG" not in os.environ
    unreadable: list[ConfigProblem] = []
    document: dict[str, Any] = {}
    for file in _files(main, unreadable, may_be_absent=nobody_named_it):
        merge(document, _read(file, unreadable))
    return parse(document, unreadable=unreadable)


def parse(document: Mapping[str, Any], *, unreadable: list[ConfigProblem] | None = None) -> Config:
    """Return the configuration in `document`, the merged tables of its files.

    Raises:
        ConfigInvalid: with every problem, those of ``unreadable`` files first.
    """
    found: list[problems.Located] = [*checks.across_keys(document)]
    config = None
    try:
        # Strict, and as JSON: a TOML document has its types, and needs only lists as tuples
        # and text as paths.
        config = Config.model_validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        found += problems.located(error, document=document)
    wrong = [*(unreadable or []), *problems.in_order(found, document=document)]
    if wrong or config is None:
        raise ConfigInvalid(wrong)
    return config


def _files(main: Path, unreadable: list[ConfigProblem], *, may_be_absent: bool) -> Iterator[Path]:
    if not may_be_absent or main.exists():
        yield main
    folder = main.parent / "dockd.d"
    try:
        files = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        unreadable.append(_unreadable(folder, error))
        return
    yield from (file for file in files if file.suffix == ".toml")


def _read(file: Path, unreadable: list[ConfigProblem]) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        problem = _unreadable(file, error)
    except UnicodeDecodeError as error:
        problem = ConfigProblem(
            key_path=str(file),
            reason=f"is not UTF-8 text (byte {error.start})",
            would_be_right="save the file as UTF-8",
        )
    except tomllib.TOMLDecodeError as error:
        problem = ConfigProblem(
            key_path=str(file),
            reason=f"is not TOML: {error}",
            would_be_right="correct the line named; text stands in quotes, lists in brackets",
        )
    unreadable.append(problem)
    return {}


def _unreadable(path: Path, error: OSError) -> ConfigProblem:
    return ConfigProblem(
        key_path=str(path),
        reason=f"cannot be read ({error.strerror})",
        would_be_right="name a file that the user of dockd may read",
    )
