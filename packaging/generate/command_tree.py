"""The commands of dockd as plain words, for the manual page and the bash completion.

Read from the commands themselves, by the same calls that `--help` makes.
"""

import re
from dataclasses import dataclass
from typing import Final

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from dockd.cli.commands import app

# Needs what only a checkout has: a store of its own, and boto3 as its judge.
_NOT_ON_A_STATION: Final = frozenset({"demo"})
_CHOICES: Final = re.compile(r"<([a-z][a-z-]*(?:\|[a-z-]+)+)>")
_ENVIRONMENT: Final = re.compile(r" *\[env var: [^]]*\]| *\[required\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option or argument: how it is written, and what it is for."""

    flags: tuple[str, ...]
    shown: str
    explanation: str

    @property
    def choices(self) -> tuple[str, ...]:
        """The values it takes, where there is a list of them."""
        match = _CHOICES.search(self.shown)
        return tuple(match[1].split("|")) if match else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command; ``explanation`` is its paragraphs."""

    name: str
    usage: str
    explanation: tuple[str, ...]
    options: tuple[Option, ...]


def commands() -> tuple[Command, ...]:
    """Return dockd itself, under the name "", and then every command of a station."""
    group = typer.main.get_command(app)
    if not isinstance(group, TyperGroup):
        message = "dockd has no commands"
        raise TypeError(message)
    present = {name: each for name, each in group.commands.items() if not each.hidden}
    return (
        _command("", group),
        *(
            _command(name, each)
            for name, each in present.items()
            if isinstance(each, TyperCommand) and name not in _NOT_ON_A_STATION
        ),
    )


def _command(name: str, command: TyperCommand | TyperGroup) -> Command:
    context = typer.Context(command, info_name=name)
    return Command(
        name=name,
        usage=" ".join(command.collect_usage_pieces(context)),
        explanation=tuple(
            " ".join(part.split()) for part in (command.help or "").strip().split("\n\n")
        ),
        options=tuple(
            _option(each, context=context)
            for each in command.params
            if isinstance(each, TyperOption | TyperArgument) and not each.hidden
        ),
    )


def _option(option: TyperOption | TyperArgument, *, context: typer.Context) -> Option:
    shown, explanation = option.get_help_record(context) or (str(option.name), "")
    flags = (*option.opts, *option.secondary_opts) if isinstance(option, TyperOption) else ()
    return Option(
        flags=flags,
        shown=" ".join(shown.split()),
        explanation=_ENVIRONMENT.sub("", " ".join(explanation.split())),
    )
