"""The commands of DESIGN.md section 6, in the order in which a person meets them."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live

import dockd
from dockd import config as configs
from dockd.cli import acting, options, ordering, showing
from dockd.cli.asking import quoted
from dockd.cli.exits import Exit, errors_shown
from dockd.cli.exporting import export
from dockd.cli.options import AsJson, ConfigPath
from dockd.core.clip import Place
from dockd.errors import ConfigInvalid, ConfigProblem, DaemonUnreachable, NotFound
from dockd.simulator.command import demo

_WATCH_EVERY_S = 1.0
app = typer.Typer(
    name="dockd",
    help="The docking-station daemon: it copies body-worn cameras, proves every copy, sends it to "
    "the central store, and clears a camera only when the store has proven that it holds every "
    "byte.\n\nExit status: 0 yes; 1 the answer is no (findings are printed); 2 usage or "
    "configuration; 3 the daemon is not reachable; 4 refused; 5 no such thing. `doctor` has its "
    "own: 10 system, 11 spool, 12 store, 13 clock, 14 network or TLS, 15 power, 1 several.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status."""
    try:
        app(args=list(arguments))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else Exit.NO
    return Exit.YES


def _print_version(asked: bool) -> None:
    if asked:
        showing.console.print(f"dockd {dockd.__version__}")
        raise typer.Exit


@app.callback()
def _common(
    config: ConfigPath = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    del version
    options.Chosen.config = config


@app.command()
def run(
    config: ConfigPath = None,
    list_faults: Annotated[
        bool,
        typer.Option(
            "--list-faults",
            help="Print every point at which DOCKD_FAULT=<fact>:<n>:kill can kill the daemon.",
        ),
    ] = False,
) -> None:
    """Run the station in the foreground, as systemd does.

    SIGTERM stops it within ten seconds with everything parked, SIGHUP reads the configuration
    again. It may be killed at any instant: the next start goes on by itself.
    """
    # Here, not above: the other commands do without the daemon's parts.
    if list_faults:
        from dockd.station.ledger import fault_points  # noqa: PLC0415 - only this command pays for it

        showing.lines(fault_points())
        return
    from dockd.daemon import run as run_station  # noqa: PLC0415 - only this command pays for it

    raise typer.Exit(run_station(config or options.Chosen.config))


@app.command("check-config")
def check_config(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Read the configuration and report everything that is wrong with it at once."""
    path = configs.locate(config or options.Chosen.config)
    problems: Sequence[ConfigProblem] = ()
    warnings: Sequence[ConfigProblem] = ()
    try:
        warnings = tuple(configs.doubts(configs.load_to_run(config or options.Chosen.config)))
    except ConfigInvalid as error:
        problems = error.problems
    if as_json:
        found = {"problems": _as_json(problems), "warnings": _as_json(warnings)}
        showing.as_json({"file": str(path), "valid": not problems, **found})
    else:
        showing.lines(str(problem) for problem in problems)
        showing.lines(f"warning: {warning}" for warning in warnings)
        if not problems:
            showing.lines([f"{path}: nothing is wrong"])
    if problems:
        raise typer.Exit(Exit.USAGE)


def _as_json(problems: Sequence[ConfigProblem]) -> list[dict[str, str]]:
    return [
        {"key": one.key_path, "reason": one.reason, "would_be_right": one.would_be_right}
        for one in problems
    ]


@app.command()
def status(
    config: ConfigPath = None,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Show the whole station at a glance: slots, spool, stores, and what is wrong."""
    with errors_shown(as_json=as_json):
        daemon = options.daemon(config)
        answer = daemon.get("/v1/status")
        if as_json:
            showing.as_json(answer)
            return
        if not watch:
            showing.console.print(showing.status(answer))
            return
        with Live(showing.status(answer), console=showing.console, auto_refresh=False) as live:
            while True:
                time.sleep(_WATCH_EVERY_S)
                live.update(showing.status(daemon.get("/v1/status")), refresh=True)


@app.command()
def clips(
    config: ConfigPath = None,
    camera: Annotated[str | None, typer.Option(help="Only of this camera.")] = None,
    docking: Annotated[str | None, typer.Option(help="Only of this docking.")] = None,
    place: Annotated[Place | None, typer.Option(help="Only those that came this far.")] = None,
    held: Annotated[
        bool | None, typer.Option("--held/--not-held", help="Only those set aside, or not.")
    ] = None,
    after: Annotated[str | None, typer.Option(help="Go on behind this cursor.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at the most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List clips, and why each one that has not arrived has not; also on a stopped station."""
    query = {
        "camera": camera,
        "docking": docking,
        "place": None if place is None else str(place),
        "held": held,
        "after": after,
        "limit": limit,
    }
    with errors_shown(as_json=as_json):
        loaded = options.load(config)
        try:
            answer = options.daemon(config).get("/v1/clips", **query)
        except DaemonUnreachable as unreachable:
            from dockd.cli import offline  # noqa: PLC0415 - the station's parts, for this only

            try:
                answer = offline.clips(loaded, query)
            except NotFound:
                raise unreachable from None
    if as_json:
        showing.as_json(answer)
        return
    showing.console.print(showing.clips(answer["clips"]))
    if answer["next"]:
        showing.lines([f"there are more: --after {answer['next']}"])


@app.command()
def explain(
    clip: Annotated[str, typer.Argument(help="A clip's id, 6 digits or more of it, or its key.")],
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Say where each copy of a clip is, why it is not further, whose that is, and what is next."""
    with errors_shown(as_json=as_json):
        answer = options.daemon(config).get(f"/v1/clips/{quoted(clip)}")
    if as_json:
        showing.as_json(answer)
    else:
        showing.console.print(showing.clip(answer))


@app.command()
def completeness(
    config: ConfigPath = None,
    camera: Annotated[str | None, typer.Option(help="Only of this camera.")] = None,
    day: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM-DD", help="Only what was last seen in this day's dockings."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count every original ever seen, each at its furthest place; status 1 if one is missing."""
    with errors_shown(as_json=as_json):
        answer = options.daemon(config).get("/v1/completeness", camera=camera, day=day)
    if as_json:
        showing.as_json(answer)
    else:
        showing.console.print(showing.completeness(answer))
    # A number that no file has may be one that the camera never gave.
    if not answer["closes"] or answer["gone"]:
        raise typer.Exit(Exit.NO)


@app.command()
def verify(
    config: ConfigPath = None,
    docking: Annotated[str | None, typer.Option(help="Only the clips of this docking.")] = None,
    store: Annotated[
        str | None, typer.Option(help="Read the copies back from this store, not from the spool.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hash every copy again and check the record's chain; also on a stopped station.

    Trusts neither the ledger nor the daemon: the copies are read from the disk (or, with --store,
    from the store) and compared with their digests, and every event with the one before it. What
    a store turns out to have lost the daemon asks it for, and sends again from the spool; what it
    turns out to have altered is held. On a stopped station that is recorded, for the next start.
    """
    from dockd.cli import offline  # noqa: PLC0415 - the station's parts, for this only

    with errors_shown(as_json=as_json):
        verified = offline.verify(options.load(config), docking=docking, store=store)
    answer = verified.answer
    # First of all: whatever comes of the orders, what took hours to find is told.
    if as_json:
        showing.as_json(answer)
    else:
        showing.console.print(showing.verification(answer))
    if store is not None and verified.bad:
        with errors_shown(as_json=as_json):
            ordering.act_on(options.load(config), verified, store=store)
    if answer["bad"] or answer["chain"] != "intact":
        raise typer.Exit(Exit.NO)


@app.command()
def doctor(
    config: ConfigPath = None,
    user: Annotated[
        str | None,
        typer.Option(
            help="Look as this user does, for whom root asks. Default: dockd, where there is one."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check what the station stands on: system, spool, store, clock, network, power.

    A trial object is written to each store below .dockd-doctor/, read back and deleted; a store
    that denies the deletion, as a locked bucket should, is well. Whoever is not root looks as
    themselves.
    """
    from dockd.cli import doctor as checks  # noqa: PLC0415 - the stores' parts, for this only

    with errors_shown(as_json=as_json):
        other = acting.user_to_be(user, own_uid=os.geteuid())
        if other is not None:
            raise typer.Exit(acting.run_as(other, _doctor_again(config, as_json=as_json)))
        findings = checks.examine(options.load(config))
    if as_json:
        showing.as_json({"findings": [finding.as_json() for finding in findings]})
    else:
        showing.console.print(checks.table(findings))
    raise typer.Exit(checks.verdict(findings))


def _doctor_again(config: Path | None, *, as_json: bool) -> Sequence[str]:
    """Return this very command for another user, who may be in another folder."""
    named = config or options.Chosen.config
    chosen = () if named is None else ("--config", os.fspath(named.absolute()))
    return ("doctor", *chosen, *(("--json",) if as_json else ()))


@app.command()
def rebuild(
    config: ConfigPath = None,
    force: Annotated[
        bool, typer.Option("--force", help="Even if the ledger that is there looks healthy.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a lost ledger anew from the sidecars in the spool; the daemon must not be running.

    It begins a new epoch: every receipt is asked for again before anything is wiped. A ledger
    that is there is moved aside, never deleted.
    """
    from dockd.cli import offline  # noqa: PLC0415 - the station's parts, for this only

    with errors_shown(as_json=as_json):
        answer = offline.rebuild(options.load(config), force=force)
    if as_json:
        showing.as_json(answer)
    else:
        showing.lines(f"{name}: {value}" for name, value in answer.items())
    if answer["refused"]:
        raise typer.Exit(Exit.NO)


ordering.add_to(app)
app.command()(export)
app.command()(demo)
