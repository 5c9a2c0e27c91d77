"""Prints dockd(1), from the commands' own help."""

import sys
from collections.abc import Iterator

import dockd
import troff
from command_tree import Command, commands

_FILES = (
    ("/etc/dockd/dockd.toml", "The configuration; see dockd.toml(5)."),
    ("/etc/dockd/dockd.d/*.toml", "Further pieces of it, in the order of their names."),
    (
        "/var/lib/dockd",
        "The spool: footage, ledger, sidecars. Removing or purging dockd leaves it alone.",
    ),
    (
        "/var/lib/dockd-witness/spool.json",
        (
            "Which spool the footage is in. Where another or none is mounted, dockd does not "
            "start; remove the file to begin anew with the spool that is there."
        ),
    ),
    ("/run/dockd/api.sock", "Where members of the group dockd-admin read and give orders."),
    ("/etc/credstore/", "Secrets by name, such as store.credentials; see systemd.exec(5)."),
)
_JOURNAL = (
    "journalctl -u dockd -x shows what happened, what dockd does about it and what a person should "
    "do. Every line has the fields DOCKD_EVENT and, where it is about one, DOCKD_CAMERA, "
    "DOCKD_SLOT, DOCKD_CLIP, DOCKD_DOCKING and DOCKD_SLUG: journalctl DOCKD_CAMERA=BWC-000123 "
    "tells one camera's whole story."
)


def manual(*, date: str) -> str:
    """Return the page; ``date`` as in 2026-11-23."""
    dockd_itself, *others = commands()
    about, exit_status = dockd_itself.explanation
    lines = [
        troff.head("dockd", section=1, date=date, version=dockd.__version__),
        troff.heading("NAME"),
        r"dockd \- the docking\-station daemon for body\-worn cameras",
        troff.heading("SYNOPSIS"),
        r"\fBdockd\fR [\fB\-\-config\fR \fIFILE\fR] \fICOMMAND\fR ...",
        troff.heading("DESCRIPTION"),
        *troff.paragraphs([about]),
        troff.heading("OPTIONS"),
        *_options(dockd_itself),
        troff.heading("COMMANDS"),
        *(line for command in others for line in _command(command)),
        troff.heading("EXIT STATUS"),
        *troff.paragraphs([exit_status.removeprefix("Exit status: ")]),
        troff.heading("JOURNAL"),
        *troff.paragraphs([_JOURNAL]),
        troff.heading("FILES"),
        *(line for path, text in _FILES for line in troff.item(path, text)),
        troff.heading("SEE ALSO"),
        *troff.paragraphs(["dockd.toml(5), journalctl(1), systemctl(1)"]),
    ]
    return troff.page(lines)


def _command(command: Command) -> Iterator[str]:
    yield troff.subheading(f"dockd {command.name} {command.usage}")
    yield from troff.paragraphs(command.explanation)
    yield from _options(command)


def _options(command: Command) -> Iterator[str]:
    for option in command.options:
        yield from troff.item(option.shown, option.explanation)


if __name__ == "__main__":
    sys.stdout.write(manual(date=sys.argv[1]))
