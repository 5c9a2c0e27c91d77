"""Prints the bash completion of dockd: its commands, their options, and the values of these.

Written out in full, so that completing a word starts no Python.
"""

import sys
from typing import Final

from command_tree import Command, commands

_FRAME: Final = """\
# The bash completion of dockd, made from its commands when the package was built.
_dockd() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command= i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
            --config) ((i++)) ;;
            -*) ;;
            *) command=${{COMP_WORDS[i]}}; break ;;
        esac
    done
    local words
    case $before in
        --config) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    esac
    case $command:$before in
{values}
        *)
            case $command in
{options}
                *) words= ;;
            esac ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}}
complete -o filenames -F _dockd dockd
"""


def script() -> str:
    """Return the completion script."""
    dockd, *others = commands()
    names = " ".join(command.name for command in others)
    return _FRAME.format(
        values="\n".join(line for command in others for line in _values(command)),
        options="\n".join(
            f"                '{command.name}') words='{_words(command)}{more}' ;;"
            for command, more in ((dockd, f" {names}"), *((other, "") for other in others))
        ),
    )


def _words(command: Command) -> str:
    flags = [flag for option in command.options for flag in option.flags]
    return " ".join([*flags, "--help"])


def _values(command: Command) -> list[str]:
    return [
        f"        {command.name}:{option.flags[0]}) words='{' '.join(option.choices)}' ;;"
        for option in command.options
        if option.flags and option.choices
    ]


if __name__ == "__main__":
    sys.stdout.write(script())
