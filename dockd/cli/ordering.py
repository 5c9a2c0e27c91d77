"""What a person may order, over the Unix socket only."""

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from dockd.cli import options, showing
from dockd.cli.asking import Daemon, quoted
from dockd.cli.exits import errors_shown
from dockd.cli.options import AsJson, ConfigPath, SlotOrNone, Subject, SubjectOrNone, Why
from dockd.config import Config
from dockd.core.printable import printable
from dockd.errors import DaemonUnreachable, DockdError, NotFound

if TYPE_CHECKING:  # the station's parts are loaded by the command that needs them
    from dockd.cli.offline import Bad, Verified

HoldKind = Annotated[
    Literal["error", "legal"],
    typer.Option(
        "--kind",
        help="error: something is wrong with it; legal: it is wanted as it is. They are different "
        "things, and releasing one never releases the other.",
    ),
]
_DOCKING: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(retry)
    app.command()(hold)
    app.command()(release)
    app.command()(prioritise)
    app.command()(pause_uploads)
    app.command()(resume_uploads)


def retry(subject: Subject, why: Why, config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Try again, now: a clip, or every clip in trouble of a docking or a camera.

    Lifts the error hold that a refusal put on a clip; a legal hold stays.
    """
    _order("retry", subject, why=why, hold="error", config=config, as_json=as_json)


def hold(
    subject: Subject,
    why: Why,
    kind: HoldKind = "error",
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Set a clip, a docking or a camera aside: it is never cleared until it is released."""
    _order("hold", subject, why=why, hold=kind, config=config, as_json=as_json)


def release(
    why: Why,
    subject: SubjectOrNone = None,
    slot: SlotOrNone = None,
    kind: HoldKind = "error",
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Let go of what was set aside: only the hold of this kind ends. Or of a slot, with --slot.

    With --slot its safety cut ends, which a person has looked into. What is measured decides anew:
    no order gives power to a slot that is too cold or too hot.
    """
    if (subject is None) is (slot is None):
        raise typer.BadParameter("either a clip, a docking or a camera, or --slot: one of the two")
    if slot is None:
        _order("release", subject or "", why=why, hold=kind, config=config, as_json=as_json)
        return
    with errors_shown(as_json=as_json):
        daemon = options.daemon(config)
        answer = daemon.order("release", kind="slots", reference=slot, why=why, hold=kind)
    _show("release", answer, as_json=as_json)


def prioritise(
    subject: Subject, why: Why, config: ConfigPath = None, as_json: AsJson = False
) -> None:
    """Send a clip before the others, or all that is known now of a docking or a camera."""
    _order("prioritise", subject, why=why, hold="error", config=config, as_json=as_json)


def pause_uploads(why: Why, config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Send nothing new to any store until resume-uploads, restarts included.

    What is under way ends with the parts that are being sent; cameras are copied and charged on.
    """
    _order_uploads("pause", why=why, config=config, as_json=as_json)


def resume_uploads(why: Why, config: ConfigPath = None, as_json: AsJson = False) -> None:
    """End what pause-uploads began, whoever ordered it."""
    _order_uploads("resume", why=why, config=config, as_json=as_json)


def _order_uploads(verb: str, *, why: str, config: ConfigPath, as_json: bool) -> None:
    with errors_shown(as_json=as_json):
        answer = options.daemon(config).order_uploads(verb, why=why)
    _show(f"{verb}-uploads", answer, as_json=as_json)


def _show(order: str, answer: Mapping[str, str], *, as_json: bool) -> None:
    if as_json:
        showing.as_json(answer)
    else:
        showing.lines([f"{order}: accepted and on record, asked by {answer['actor']}"])


def _order(
    verb: str, subject: str, *, why: str, hold: str, config: ConfigPath, as_json: bool
) -> None:
    with errors_shown(as_json=as_json):
        daemon = options.daemon(config)
        answer = daemon.order(
            verb, kind=_kind_of(daemon, subject), reference=subject, why=why, hold=hold
        )
    _show(verb, answer, as_json=as_json)


def act_on(config: Config, verified: "Verified", *, store: str) -> None:
    """Have a store asked for what it lost, and what it altered set aside, also without a daemon.

    Of an altered object the store's own word may still be good, so that asking would prove nothing:
    a person has to look. What is held is left to whoever holds it, for a retry would lift the hold.
    What cannot be ordered is said on stderr: until it is, the spool's copy may make room.
    """
    from dockd.cli import offline  # noqa: PLC0415 - the station's parts, for this only

    daemon = Daemon(config.http.socket)
    for clip, bad in verified.bad:
        try:
            _act_on(daemon, clip.id, bad, why=offline.because(bad, store=store))
        except DaemonUnreachable:
            _record(config, verified, store=store)
            return
        except DockdError as error:
            _say(f"{error.slug}: nothing is ordered for clip {clip.id}", error.reason)


def _record(config: Config, verified: "Verified", *, store: str) -> None:
    from dockd.cli import offline  # noqa: PLC0415 - the station's parts, for this only

    try:
        recorded = offline.record(config, verified, store=store)
    except DockdError as error:
        _say(f"{error.slug}: no daemon answers, and nothing is recorded", error.reason)
    else:
        _say("no daemon answers", f"its next start acts on what is on record now of {recorded}")


def _act_on(daemon: Daemon, clip: str, bad: "Bad", *, why: str) -> None:
    if bad.finding is None:
        return
    held = daemon.get(f"/v1/clips/{quoted(clip)}")["held"]
    if bad.finding == "altered" and held != "error":
        daemon.order("hold", kind="clips", reference=clip, why=why, hold="error")
    elif bad.finding == "lost" and held is None:
        daemon.order("retry", kind="clips", reference=clip, why=why, hold="error")


def _say(what: str, more: str) -> None:
    sys.stderr.write(f"{what}: {printable(more)}\n")


def _kind_of(daemon: Daemon, subject: str) -> str:
    """Return what a person means: a docking by its form, a clip if there is one, else a camera.

    Raises:
        NotFound: it is neither.
    """
    if _DOCKING.fullmatch(subject):
        return "dockings"
    try:
        daemon.get(f"/v1/clips/{quoted(subject)}")
    except NotFound:
        pass
    else:
        return "clips"
    try:
        daemon.get(f"/v1/cameras/{quoted(subject)}")
    except NotFound as error:
        raise NotFound(f"{subject!r} is no clip, no docking and no camera here") from error
    return "cameras"
