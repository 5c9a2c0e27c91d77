"""A store that lies or breaks, over S3 and tus, plain and over TLS: every case has its ending."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from dockd.core import facts
from tests.fakes.broken_s3 import Heard
from tests.stores.hostile_list import CASES, PROTOCOLS, Case, Ending
from tests.stores.hostile_scene import SECRET, S3Server, Said, Scene, Server, TusServer, scene

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]


def _cells() -> Iterator[ParameterSet]:
    for noun, by_protocol in CASES.items():
        for protocol in PROTOCOLS:
            case = by_protocol[protocol]
            if isinstance(case, Case):
                yield pytest.param(noun, protocol, id=f"{protocol}-{noun}")


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(("noun", "protocol"), tuple(_cells()))
async def test_what_becomes_of_a_clip(
    tmp_path: Path, noun: str, protocol: str, *, tls: bool
) -> None:
    """Whatever the store does the clip has its one ending, and nobody else hears of us.

    Its camera is never cleared while the store lacks it.
    """
    case = CASES[noun][protocol]
    assert isinstance(case, Case)
    server: Server = S3Server() if protocol == "s3" else TusServer()
    if case.ending is Ending.UNPROVEN:
        server.lie()
    async with scene(tmp_path, server, protocol=protocol, tls=tls) as there:
        meddle, done = case.does(there), 0

        def counted(heard: Heard) -> Said | None:
            nonlocal done
            said = meddle(heard)
            done += said is not None
            return said

        server.meddle = counted
        there.dock()
        await _ends(there, case)
    # Of a store that did nothing wrong a clip that arrived once would show nothing.
    assert case.ending is not Ending.ONCE or done >= case.times
    assert there.wiped_alone == []
    assert there.elsewhere.heard == []
    assert SECRET not in str(there.rig.journal.said) + str(there.rig.committed)


async def _ends(there: Scene, case: Case) -> None:
    match case.ending:
        case Ending.ONCE:
            await _cleared(there, copies=1)
        case Ending.AGAIN:
            await _cleared(there, copies=2)
        case Ending.LATER:
            await _said(there, case)
            tries = len(there.heard.heard)
            await there.until(lambda: len(there.heard.heard) > tries, what="another try")
            await _kept(there)
            assert not there.has_receipt()
            there.server.meddle = lambda _: None
            await _cleared(there, copies=1)
            assert case.says not in there.rig.open_problems()
        case Ending.HELD:
            await _said(there, case)
            assert "error" in (await there.clip()).holds
            await _kept(there)
        case Ending.UNPROVEN:
            await there.until(there.has_receipt, what="a receipt")
            await _said(there, case)
            assert there.server.has_it()
            await _kept(there)


async def _said(there: Scene, case: Case) -> None:
    await there.until(lambda: case.says in there.rig.open_problems(), what=case.says)


async def _cleared(there: Scene, *, copies: int) -> None:
    await there.until(lambda: not there.file.exists(), what="a camera that is clear")
    assert there.server.has_it()
    assert there.server.copies() == copies
    assert there.rig.count(facts.ClipHeld) == 0


async def _kept(there: Scene) -> None:
    await there.looked_at()
    assert there.file.exists()
    assert there.rig.count(facts.WipeIntended) == 0
