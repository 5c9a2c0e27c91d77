"""What is peculiar to each camera model: one TOML file a model, `generic.toml` for all others."""

import os
import stat
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from dockd.config.quirks import QuirkConfig, parse_quirk
from dockd.core import patterns
from dockd.errors import ConfigInvalid, ConfigProblem

_WRITE_BITS: Final = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_HERE: Final = "dockd.cameras.quirks"


@dataclass(frozen=True, slots=True)
class Quirks:
    """All known models; the first that fits a device is taken, exact ids before a maker's."""

    models: tuple[QuirkConfig, ...]

    def of(self, vendor_id: str, product_id: str) -> QuirkConfig:
        """Return what is peculiar to a model."""
        for wanted in (f"{vendor_id}:{product_id}", f"{vendor_id}:*"):
            for model in self.models:
                if wanted in model.ids:
                    return model
        return next((model for model in self.models if not model.ids), QuirkConfig(model="generic"))


def is_flagged(quirk: QuirkConfig, path: bytes, status: os.stat_result) -> bool:
    """Return whether a clip was marked as urgent on a camera of this model."""
    if quirk.flagged_read_only and not status.st_mode & _WRITE_BITS:
        return True
    return any(patterns.matches(pattern, path) for pattern in quirk.flagged)


def load() -> Quirks:
    """Return the models that dockd was shipped with.

    Raises:
        ConfigInvalid: with every problem of every file.
    """
    with resources.as_file(resources.files(_HERE)) as folder:
        return load_from(sorted(folder.glob("*.toml")))


def load_from(files: Iterable[Path]) -> Quirks:
    """Return the models that are described in `files`.

    Raises:
        ConfigInvalid: with every problem of every file.
    """
    wrong: list[ConfigProblem] = []
    models: list[QuirkConfig] = []
    owners: dict[str, str] = {}
    for file in files:
        try:
            model = parse_quirk(tomllib.loads(file.read_text()))
        except ConfigInvalid as error:
            wrong += [_in_file(file, problem) for problem in error.problems]
        except (OSError, ValueError) as error:
            wrong.append(_unreadable(file, error))
        else:
            wrong += _taken(model, file, owners)
            models.append(model)
    if wrong:
        raise ConfigInvalid(wrong)
    return Quirks(tuple(models))


def _in_file(file: Path, problem: ConfigProblem) -> ConfigProblem:
    return ConfigProblem(
        key_path=f"{file.name}: {problem.key_path}",
        reason=problem.reason,
        would_be_right=problem.would_be_right,
    )


def _unreadable(file: Path, error: Exception) -> ConfigProblem:
    return ConfigProblem(
        key_path=file.name,
        reason=f"is not a quirk file ({error})",
        would_be_right="write TOML as in generic.toml, in UTF-8",
    )


def _taken(model: QuirkConfig, file: Path, owners: dict[str, str]) -> Sequence[ConfigProblem]:
    """Return a problem for each id that another file has already, and take the others."""
    found = []
    for index, ids in enumerate(model.ids or ("any",)):
        owner = owners.setdefault(ids, file.name)
        if owner != file.name:
            found.append(
                ConfigProblem(
                    key_path=f"{file.name}: ids[{index}]",
                    reason=f"is {ids}, which {owner} is about",
                    would_be_right="let one file be about one model",
                )
            )
    return found


__all__ = ["Quirks", "is_flagged", "load", "load_from"]
