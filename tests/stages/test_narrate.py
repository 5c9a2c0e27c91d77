"""The journal speaks of clips as people do, whatever number the ledger gave them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dockd.core import facts, naming
from dockd.stages import narrate
from dockd.stages.narrate import Narrator
from dockd.station.ledger import SqliteLedger
from tests.fakes.lines import Lines
from tests.station import ledger_parts as parts

PATH = b"DCIM/1.mp4"
BIRTH_ID = naming.provisional_id(parts.CAMERA, docking=parts.DOCKING, path=PATH)
ID = naming.clip_id(parts.key(1))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """Return a ledger that knows which store counts."""
    with parts.ledger_at(tmp_path / "ledger.sqlite3") as ledger:
        yield ledger


async def told(ledger: SqliteLedger, narrator: Narrator, *said: facts.Fact) -> None:
    """Record facts, and have them told."""
    await ledger.record(*said)
    narrator.heard(said)
    await narrator.flush()


@pytest.mark.asyncio
async def test_lines_about_a_clip_carry_the_id_people_use(ledger: SqliteLedger) -> None:
    """Every line about a clip says its id, camera, slot, docking and path, never its number."""
    lines = Lines()
    narrator = Narrator(ledger=ledger, journal=lines)
    await told(ledger, narrator, parts.docked(), *parts.proven(1))
    await told(ledger, narrator, *parts.stored(1))
    names = {"camera": parts.CAMERA, "slot": "A1", "docking": parts.DOCKING, "path": "DCIM/1.mp4"}
    assert lines.of("clip-seen").items() >= {**names, "clip": BIRTH_ID}.items()
    assert lines.of("clip-verified").items() >= {**names, "clip": ID}.items()
    assert lines.of("receipt-accepted").items() >= {**names, "clip": ID, "store": "central"}.items()
    assert "part_sha256" not in lines.of("clip-verified")


@pytest.mark.asyncio
async def test_a_clip_of_an_earlier_run_is_looked_up(ledger: SqliteLedger) -> None:
    """A line about a clip that was seen before this start names it all the same."""
    await ledger.record(parts.docked(), *parts.proven(1))
    lines = Lines()
    held = facts.ClipHeld(clip=1, hold="legal", why="a case", actor="alice")
    await told(ledger, Narrator(ledger=ledger, journal=lines), held)
    assert lines.of("clip-held").items() >= {"clip": ID, "slot": "A1", "actor": "alice"}.items()


@pytest.mark.asyncio
async def test_quiet_lines_cost_the_ledger_nothing(ledger: SqliteLedger) -> None:
    """A line at debug level is said without asking the ledger, by what is known already."""
    await ledger.record(parts.docked(), *parts.proven(1))
    lines = Lines()
    narrator = Narrator(ledger=ledger, journal=lines)
    ledger.close()
    narrator.heard([facts.TransferQueued(clip=1, store=parts.STORE)])
    await narrator.flush()
    assert lines.said == [("transfer-queued", "debug", {"number": 1, "store": parts.STORE})]


@pytest.mark.asyncio
async def test_a_ledger_that_cannot_be_read_silences_no_line(ledger: SqliteLedger) -> None:
    """What was committed is said even when its clip can no longer be looked up."""
    lines = Lines()
    narrator = Narrator(ledger=ledger, journal=lines)
    ledger.close()
    narrator.heard([facts.ClipGone(clip=1, docking=parts.DOCKING)])
    await narrator.flush()
    assert lines.of("clip-gone") == {"number": 1, "docking": parts.DOCKING}


@pytest.mark.asyncio
async def test_lines_about_a_docking_carry_its_camera_and_its_slot(ledger: SqliteLedger) -> None:
    """Whoever asks for one camera's lines reads when it was listed and when it left, too."""
    lines = Lines()
    narrator = Narrator(ledger=ledger, journal=lines)
    listed = facts.Listed(docking=parts.DOCKING, files=1, size_bytes=1, refused=0)
    await told(ledger, narrator, parts.docked(), listed, parts.left())
    whose = {"camera": parts.CAMERA, "slot": "A1", "docking": parts.DOCKING}
    for event in ("docked", "listed", "undocked"):
        assert lines.of(event).items() >= whose.items()


@pytest.mark.asyncio
async def test_a_docking_of_an_earlier_run_is_looked_up(ledger: SqliteLedger) -> None:
    """A stay that ended while dockd was away is told of with its camera all the same."""
    await ledger.record(parts.docked())
    lines = Lines()
    await told(ledger, Narrator(ledger=ledger, journal=lines), parts.left())
    assert lines.of("undocked").items() >= {"camera": parts.CAMERA, "slot": "A1"}.items()
    ledger.close()
    unheard = facts.Undocked(docking="20261123T030000Z-00000009", reason="x")
    narrator = Narrator(ledger=ledger, journal=lines)
    narrator.heard([unheard])
    await narrator.flush()
    assert lines.said[-1] == ("undocked", "info", unheard.fields())


@pytest.mark.asyncio
async def test_a_merged_clip_names_the_one_it_became(ledger: SqliteLedger) -> None:
    """A merge says both clips by their ids, and a new sighting is told with its new docking."""
    lines = Lines()
    narrator = Narrator(ledger=ledger, journal=lines)
    await told(ledger, narrator, parts.docked(), *parts.proven(1), parts.left())
    second = "20261123T030000Z-00000002"
    again = facts.ClipSeenAgain(clip=1, docking=second, slot="B2", mtime_ns=1)
    twin = parts.seen(2, docking=second, path=b"DCIM/1.mp4")
    merged = facts.ClipMerged(clip=2, into=1)
    await told(ledger, narrator, parts.docked(second), twin, again, merged)
    assert lines.of("clip-seen-again").items() >= {"slot": "B2", "docking": second}.items()
    assert lines.of("clip-merged")["into"] == ID


@pytest.mark.asyncio
async def test_what_is_remembered_is_bounded(ledger: SqliteLedger) -> None:
    """Twenty thousand clips in one folder are told of, and few of their names are kept."""
    lines = Lines()
    narrator = Narrator(ledger=ledger, journal=lines)
    many: Sequence[facts.Fact] = [parts.seen(number) for number in range(1, 5001)]
    narrator.heard(many)
    await narrator.flush()
    assert len(lines.said) == len(many)
    assert len(narrator._named) == narrate._NAMED_AT_MOST


@pytest.mark.asyncio
async def test_problems_are_left_to_their_board(ledger: SqliteLedger) -> None:
    """A problem is said once, by its board, and not again as a fact."""
    lines = Lines()
    narrator = Narrator(ledger=ledger, journal=lines)
    narrator.heard([facts.ProblemClosed(slug="x", subject="station", lasted_s=1)])
    await narrator.flush()
    assert lines.said == []
