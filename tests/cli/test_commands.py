"""The command line as a process: what it prints, and the status it exits with."""

import asyncio
import json
import os
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockd.__main__ import dispatch
from dockd.core import facts
from dockd.station.ledger import open_ledger
from tests.fakes.still_clock import StillClock
from tests.station import ledger_parts as parts
from tests.station.answering_parts import Answering, answering, camera_in

pytestmark = pytest.mark.real


async def dockd(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run one command line; return its exit status, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dockd", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def configured(folder: Path, more: str = "") -> str:
    """Write a configuration whose socket and spool are in `folder`; return its path."""
    path = folder / "dockd.toml"
    path.write_text(
        f'[spool]\npath = "{folder}"\nreserve = 1\n[http]\nsocket = "{folder}/api.sock"\n'
        f'listen = "127.0.0.1:0"\n[[store]]\nname = "central"\nkind = "directory"\n'
        f'path = "{folder}/store"\nallow_same_disk = true\n{more}'
    )
    return str(path)


def one_json(text: str) -> Any:  # noqa: ANN401 - JSON
    """Return the one JSON document that is all of `text`."""
    return json.loads(text)


def alike(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without the disk's free space, which others change as well."""
    return {name: value for name, value in answer.items() if name != "spool"}


@pytest.mark.asyncio
async def test_reading_commands_show_what_the_daemon_says(tmp_path: Path) -> None:
    """Every reading command has a --json that is the daemon's own answer, and a page for people."""
    config = configured(tmp_path)
    async with answering(tmp_path) as station:
        await station.ledger.record(
            parts.docked(), parts.seen(1, path=b"DCIM/\x1b[31mred.mp4"), parts.copied(1)
        )
        await station.ledger.record(parts.verified(1))
        camera_in(station.board)
        clip = await station.ledger.clip(1)
        for command, path in (
            (("status",), "/v1/status"),
            (("clips",), "/v1/clips"),
            (("clips", "--place", "stored", "--limit", "5"), "/v1/clips?place=stored&limit=5"),
            (("explain", clip.id[:8]), f"/v1/clips/{clip.id}"),
            (("completeness", "--camera", parts.CAMERA), f"/v1/completeness?camera={parts.CAMERA}"),
        ):
            status, out, _ = await dockd(*command, "--json", "--config", config)
            assert (status, alike(one_json(out))) == (0, alike(await station.ask(path)))
            status, out, _ = await dockd(*command, "--config", config)
            assert status == 0
            assert "\x1b" not in out
            assert out


@pytest.mark.asyncio
async def test_orders_reach_the_daemon(tmp_path: Path) -> None:
    """hold, release and retry find out what is meant: a clip, a docking or a camera."""
    config = configured(tmp_path)
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), *parts.proven(1))
        clip = await station.ledger.clip(1)
        for subject in (clip.id, parts.DOCKING, parts.CAMERA):
            order = (subject, "--why", "court", "--kind", "legal", "--config", config)
            assert (await dockd("hold", *order))[0] == 0
        assert (await station.ledger.clip(1)).holds == ("legal",)
        assert await station.ledger.set_aside() == {parts.DOCKING, parts.CAMERA}
        wrong = await dockd("release", clip.id, "--why", "x", "--config", config)
        assert (wrong[0], "refused:" in wrong[2]) == (4, True)
        assert (await dockd("release", parts.CAMERA, "--why", "x", "--config", config))[0] == 0
        absent = await dockd("hold", "nobody", "--why", "x", "--json", "--config", config)
        assert (absent[0], one_json(absent[2])["slug"]) == (5, "not-found")
        assert (await dockd("hold", clip.id, "--config", config))[0] == 2


@pytest.mark.asyncio
async def test_a_slot_is_released_by_name(tmp_path: Path) -> None:
    """Release --slot reaches the daemon; it takes a slot or footage, and says what is refused."""
    config = configured(tmp_path)
    why = ("--why", "looked at", "--config", config)
    async with answering(tmp_path) as station:
        status, out, _ = await dockd("release", "--slot", "A1", *why)
        assert (status, out.split(",")[0]) == (0, "release: accepted and on record")
        kinds = [event.kind for event in await station.ledger.events_after(0, limit=100)]
        assert kinds.count("safety-cut-released") == 1
        hot = await dockd("release", "--slot", "A2", "--json", *why)
        assert (hot[0], one_json(hot[2])["slug"]) == (4, "refused")
        assert (await dockd("release", "--slot", "B9", *why))[0] == 5
        assert (await dockd("release", *why))[0] == 2
        assert (await dockd("release", "A1", "--slot", "A1", *why))[0] == 2


@pytest.mark.asyncio
async def test_uploads_are_paused_and_a_camera_goes_first(tmp_path: Path) -> None:
    """prioritise, pause-uploads and resume-uploads reach the daemon; nonsense is refused."""
    config = configured(tmp_path)
    why = ("--why", "court", "--config", config)
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), *parts.proven(1))
        assert (await dockd("prioritise", parts.CAMERA, *why))[0] == 0
        assert (await station.ledger.clip(1)).prioritised
        assert (await dockd("resume-uploads", *why))[0] == 4
        paused = await dockd("pause-uploads", "--json", *why)
        assert (paused[0], one_json(paused[1])["verb"]) == (0, "pause")
        assert (await station.ledger.uploads_paused()) is not None
        assert (await dockd("pause-uploads", *why))[0] == 4
        assert (await dockd("resume-uploads", *why))[0] == 0
        assert (await station.ledger.uploads_paused()) is None


async def receipted(station: Answering, folder: Path, *, clips: int) -> list[Path]:
    """Have a share give receipts for clips; return its files, none of which is there yet."""
    (folder / "store").mkdir()
    (folder / "store" / ".dockd-store").touch()
    await station.ledger.record(parts.docked())
    for clip in range(1, clips + 1):
        queued, finalizing, *_ = parts.stored(clip)
        confirming = facts.ObjectConfirming(clip=clip, store=parts.STORE, version="")
        receipt = replace(parts.receipt(clip), version="")
        await station.ledger.record(*parts.proven(clip), queued, finalizing, confirming, receipt)
    files = [folder / "store" / parts.key(clip) for clip in range(1, clips + 1)]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
    return files


async def orders(station: Answering, clip: int) -> list[str]:
    """Return what a person, or a command of theirs, ordered for a clip."""
    wanted = ("clip-held", "clip-released", "clip-retried")
    return [row.kind for row in await station.ledger.history(clip) if row.kind in wanted]


VERIFY = ("verify", "--store", parts.STORE)


@pytest.mark.asyncio
async def test_other_content_in_a_store_is_held(tmp_path: Path) -> None:
    """What hashes to something else is set aside: the store's own word for it would be good."""
    config = configured(tmp_path)
    async with answering(tmp_path) as station:
        files = await receipted(station, tmp_path, clips=3)
        for file in files:
            file.write_bytes(b"rotten")
        await station.ledger.record(
            facts.ClipHeld(clip=2, hold="error", why="w", actor="a"),
            facts.ClipHeld(clip=3, hold="legal", why="w", actor="a"),
        )
        status, out, err = await dockd(*VERIFY, "--json", "--config", config)
        assert (status, len(one_json(out)["bad"]), err) == (1, 3, "")
        assert (await station.ledger.clip(1)).holds == ("error",)
        assert (await station.ledger.clip(2)).holds == ("error",)
        assert (await station.ledger.clip(3)).holds == ("error", "legal")
        assert [await orders(station, clip) for clip in (1, 2)] == [["clip-held"]] * 2
        (held,) = [row for row in await station.ledger.history(1) if row.kind == "clip-held"]
        assert "hashes to" in str(held.fields["why"])


@pytest.mark.asyncio
async def test_what_a_store_lost_is_asked_for(tmp_path: Path) -> None:
    """An object that is not there is in doubt; one that is held is left to whoever holds it."""
    config = configured(tmp_path)
    async with answering(tmp_path) as station:
        await receipted(station, tmp_path, clips=2)
        await station.ledger.record(facts.ClipHeld(clip=2, hold="error", why="w", actor="a"))
        status, out, err = await dockd(*VERIFY, "--json", "--config", config)
        assert (status, len(one_json(out)["bad"]), err) == (1, 2, "")
        assert [await orders(station, clip) for clip in (1, 2)] == [["clip-retried"], ["clip-held"]]


@pytest.mark.asyncio
async def test_a_store_that_cannot_be_read_has_lost_nothing(tmp_path: Path) -> None:
    """In an outage every clip is reported as not verified, and nothing is ordered for any."""
    config = configured(tmp_path)
    async with answering(tmp_path) as station:
        await receipted(station, tmp_path, clips=2)
        (tmp_path / "store" / ".dockd-store").unlink()
        status, out, err = await dockd(*VERIFY, "--json", "--config", config)
        assert (status, len(one_json(out)["bad"]), err) == (1, 2, "")
        assert [await orders(station, clip) for clip in (1, 2)] == [[], []]


@pytest.mark.asyncio
async def test_what_cannot_be_ordered_is_said(tmp_path: Path) -> None:
    """A finding is printed whatever the daemon says to it, and what it refuses is named."""
    config = configured(tmp_path)
    async with answering(tmp_path) as station:
        await receipted(station, tmp_path, clips=2)
        ids = [(await station.ledger.clip(clip)).id for clip in (1, 2)]
        with parts.writable(tmp_path / "ledger.sqlite3") as ledger:
            ledger.execute("DELETE FROM ids WHERE clip = 1")
        status, out, err = await dockd(*VERIFY, "--json", "--config", config)
        assert (status, len(one_json(out)["bad"])) == (1, 2)
        assert [line for line in err.splitlines() if ids[0] in line and "not-found" in line]
        assert "Traceback" not in err
        assert [await orders(station, clip) for clip in (1, 2)] == [[], ["clip-retried"]]


@pytest.mark.asyncio
async def test_a_stopped_station_keeps_what_was_found(tmp_path: Path) -> None:
    """Without a daemon the findings are on record, as a running one would have been ordered.

    So nothing makes room or is wiped on the store's word before the next start has asked it. Where
    another process has the ledger nothing is recorded, and that is said.
    """
    config = configured(tmp_path)
    async with answering(tmp_path) as station:
        files = await receipted(station, tmp_path, clips=3)
        await station.ledger.record(facts.ClipHeld(clip=2, hold="legal", why="w", actor="a"))
        files[2].write_bytes(b"rotten")
    path = tmp_path / "ledger.sqlite3"
    with closing(open_ledger(path, clock=StillClock())):
        status, out, err = await dockd(*VERIFY, "--json", "--config", config)
        assert (status, len(one_json(out)["bad"])) == (1, 3)
        assert "refused: no daemon answers, and nothing is recorded" in err
    status, out, err = await dockd(*VERIFY, "--json", "--config", config)
    assert (status, len(one_json(out)["bad"])) == (1, 3)
    assert "on record now of 2" in err
    with closing(open_ledger(path, clock=StillClock())) as ledger:
        clips = [await ledger.clip(number) for number in (1, 2, 3)]
        held = (await ledger.history(3))[-1]
    assert [bool(clip.vouched_by) for clip in clips] == [False, True, True]
    assert [clip.holds for clip in clips] == [(), ("legal",), ("error",)]
    assert f"uid {os.getuid()}" in str(held.fields["actor"])


@pytest.mark.asyncio
async def test_open_books_are_a_no(tmp_path: Path) -> None:
    """The status of completeness is 1 while an original has no known copy."""
    config = configured(tmp_path)
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), parts.seen(1))
        await station.ledger.record(facts.ClipGone(clip=1, docking=parts.DOCKING))
        status, out, _ = await dockd("completeness", "--json", "--config", config)
        assert (status, one_json(out)["gone"]) == (1, 1)
        status, out, _ = await dockd("completeness", "--config", config)
        assert (status, "without any known copy" in out) == (1, True)


@pytest.mark.asyncio
async def test_without_a_daemon_that_is_said(tmp_path: Path) -> None:
    """Where no daemon answers the status is 3, with an owner and a next step."""
    config = configured(tmp_path)
    for command in (("status",), ("explain", "abcdef"), ("clips",)):
        status, _, err = await dockd(*command, "--config", config)
        assert status == 3
        assert all(word in err for word in ("daemon-unreachable", "owner:", "next:"))


@pytest.mark.asyncio
async def test_clips_are_listed_on_a_stopped_station(tmp_path: Path) -> None:
    """A stopped station lists its clips from the ledger, in the daemon's words."""
    config = configured(tmp_path)
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), *parts.proven(1), parts.seen(2))
        await station.ledger.record(parts.left())
        running = await station.ask("/v1/clips")
    status, out, _ = await dockd("clips", "--json", "--config", config)
    assert (status, one_json(out)) == (0, running)


@pytest.mark.asyncio
async def test_a_wrong_configuration_is_reported_whole(tmp_path: Path) -> None:
    """check-config and every other command exit with 2 and name every wrong key."""
    config = configured(tmp_path, more='[wipe]\naftr = "never"\n[uplink]\nparallel_clips = 0\n')
    status, out, _ = await dockd("check-config", "--config", config, "--json")
    assert (status, one_json(out)["valid"]) == (2, False)
    assert [one["key"] for one in one_json(out)["problems"]] == [
        "wipe.aftr", "uplink.parallel_clips",
    ]  # fmt: skip
    status, _, err = await dockd("--config", config, "status")
    assert status == 2
    assert "wipe.aftr" in err
    assert "uplink.parallel_clips" in err
    status, _, err = await dockd("run", "--config", config)
    assert status == 2
    assert "wipe.aftr" in err


@pytest.mark.asyncio
@pytest.mark.parametrize("command", ["check-config", "run"])
async def test_a_token_that_can_be_guessed_is_refused(tmp_path: Path, command: str) -> None:
    """Neither does the daemon start with one, nor is its configuration said to be right."""
    token = tmp_path / "token"
    token.write_text("hunter2\n")
    config = configured(tmp_path)
    text = Path(config).read_text()
    Path(config).write_text(text.replace("[http]\n", f'[http]\ntoken_file = "{token}"\n'))
    status, out, err = await dockd(command, "--config", config)
    assert status == 2
    assert "http.token_file: holds a token of 7 characters" in out + err
    assert "`openssl rand -hex 32`" in out + err


@pytest.mark.asyncio
async def test_a_doubtful_configuration_is_valid_and_said_to_be_doubtful(tmp_path: Path) -> None:
    """check-config warns of what may stand there and should not; its answer is still yes."""
    rule = '[[cameras.accept]]\nfamily = "mass-storage"\nserial = "BWC-*"\n'
    config = configured(tmp_path, more=rule)
    status, out, _ = await dockd("check-config", "--config", config, "--json")
    answer = one_json(out)
    assert (status, answer["valid"], answer["problems"]) == (0, True, [])
    assert [one["key"] for one in answer["warnings"]] == ["cameras.accept[0]"]
    status, out, _ = await dockd("check-config", "--config", config)
    assert (status, "warning: cameras.accept[0]: " in out) == (0, True)


def test_usage_is_taught(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command line is 2; --help explains every command, run among them."""
    assert dispatch(["statsu"]) == 2
    assert dispatch(["run", "--nonsense"]) == 2
    assert dispatch(["status", "--config"]) == 2
    capsys.readouterr()
    assert dispatch(["--help"]) == 0
    overview = capsys.readouterr().out
    for command in ("run", "check-config", "status", "clips", "explain", "completeness", "verify",
                    "doctor", "rebuild", "export", "retry", "hold", "release", "prioritise",
                    "pause-uploads", "resume-uploads", "demo"):  # fmt: skip
        assert command in overview
        assert dispatch([command, "--help"]) == 0
        assert "Usage:" in capsys.readouterr().out


def test_every_fault_point_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`run --list-faults` prints the fact table, which the fault points are made of."""
    assert dispatch(["run", "--list-faults"]) == 0
    assert capsys.readouterr().out.split() == sorted(facts.FACTS)


@pytest.mark.asyncio
async def test_the_daemon_never_loads_what_most_stations_do_not_use() -> None:
    """What `dockd run` imports it carries for good: no terminal's, broker's or holds' libraries."""
    script = (
        "import sys, dockd.__main__, dockd.daemon\n"
        "dockd.daemon.surfaces.build_app(None, news=None, actions=None, version='1')\n"
        "loaded = {name for name, module in sys.modules.items() if module is not None}\n"
        "spared = {'typer', 'rich', 'boto3', 'ascmhl', 'aiomqtt', 'cryptography', 'pydantic.v1'}\n"
        "print(*sorted(spared & loaded))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == ""
