"""The rows of build/bench.json say what was measured, and nothing better."""

import json
from pathlib import Path

import pytest

from tests.bench import rows, table
from tests.bench.machine import program
from tests.bench.measuring import Failed
from tests.bench.rows import Peer, Row


def _row(name: str = "offload.cpu.cp", *, goal: str = "<=1.3", ours: tuple[float, ...]) -> Row:
    peer = Peer(name="cp", values=(2.0, 4.0, 3.0), command="cp (coreutils 9.1)")
    return rows.row(
        name, values=ours, unit="s", goal=goal, command="dockd", machine="here", peer=peer
    )


@pytest.mark.parametrize(
    ("goal", "found", "verdict"),
    [
        ("<=1.3", 1.3, True),
        ("<=1.3", 1.31, False),
        (">=1.5", 1.5, True),
        (">=1.5", 1.49, False),
        ("<0.5", 0.5, False),
        ("<0.5", 0.49, True),
        ("> 2", 2.0, False),
        ("> 2", 2.1, True),
    ],
)
def test_a_goal_is_met_exactly_at_its_bound(goal: str, found: float, verdict: bool) -> None:
    """Each comparison holds on its own side of the bound and nowhere else."""
    assert rows.holds(goal, found) is verdict


@pytest.mark.parametrize("goal", ["", "1.5", "=>1.5", "about 2", ">=x", ">=1.5x"])
def test_a_goal_that_cannot_be_read_is_refused(goal: str) -> None:
    """A misspelt goal fails the run; it never counts as met."""
    with pytest.raises(ValueError, match="no goal"):
        rows.holds(goal, 1.0)


def test_the_verdict_is_on_the_ratio_of_the_medians_where_there_is_a_peer() -> None:
    """One slow run on either side does not decide, and the spread shows that it was there."""
    made = _row(ours=(3.0, 90.0, 3.3))
    assert (made.value, made.peer_value, made.ratio, made.holds) == (3.3, 3.0, 1.1, True)
    assert made.spread == {"dockd": [3.0, 90.0], "peer": [2.0, 4.0]}


def test_rounding_never_turns_a_miss_into_a_hit() -> None:
    """The verdict is on what was measured, the rounding is for the eye."""
    made = _row(ours=(3.90004, 3.90004, 3.90004))
    assert made.ratio == 1.3
    assert not made.holds


def test_without_a_peer_the_goal_is_on_the_value() -> None:
    """A row that stands alone has no ratio, and its value decides."""
    made = rows.row(
        "idle.cpu", values=(0.3, 0.1, 0.2), unit="%", goal="<0.2", command="x", machine="here"
    )
    assert (made.peer, made.peer_value, made.ratio, made.value) == (None, None, None, 0.2)
    assert not made.holds


def test_a_peer_with_fewer_runs_is_refused() -> None:
    """Nobody is compared by fewer runs than the other."""
    with pytest.raises(ValueError, match="2 runs, and 3 of cp"):
        _row(ours=(1.0, 2.0))


def test_a_peer_that_measured_nothing_is_refused() -> None:
    """A ratio to nothing is not a result."""
    nothing = Peer(name="cp", values=(0.0,), command="cp")
    with pytest.raises(ValueError, match="no ratio"):
        rows.row("x.y", values=(1.0,), unit="s", goal="<1", command="", machine="", peer=nothing)


def test_a_benchmark_replaces_its_own_rows_and_no_others(tmp_path: Path) -> None:
    """`BENCH=offload` leaves the rows of every other benchmark as they were."""
    results = tmp_path / "build" / "bench.json"
    rows.save(results, benchmark="http", rows=[_row("http.p99", ours=(1.0, 1.0, 1.0))])
    rows.save(results, benchmark="offload", rows=[_row("offload.old", ours=(1.0, 1.0, 1.0))])
    rows.save(results, benchmark="offload", rows=[_row("offload.new", ours=(2.0, 2.0, 2.0))])
    assert [row["name"] for row in rows.load(results)] == ["http.p99", "offload.new"]


def test_a_row_has_the_shape_that_the_design_names(tmp_path: Path) -> None:
    """Whoever reads build/bench.json finds every field of DESIGN.md section 9, and the spread."""
    results = tmp_path / "bench.json"
    rows.save(results, benchmark="offload", rows=[_row(ours=(1.0, 1.0, 1.0))])
    (found,) = json.loads(results.read_text())
    assert set(found) == {
        "name",
        "value",
        "unit",
        "peer",
        "peer_value",
        "ratio",
        "goal",
        "holds",
        "command",
        "machine",
        "spread",
    }
    assert found["command"] == "dockd; cp: cp (coreutils 9.1)"


def test_a_missing_peer_fails_the_run() -> None:
    """A benchmark without its peer ends with the peer's name; it never goes on without it."""
    with pytest.raises(Failed, match="no-such-peer-anywhere is missing"):
        program("no-such-peer-anywhere")


def test_the_readme_shows_misses_and_keeps_the_rest_of_itself(tmp_path: Path) -> None:
    """Writing the table twice changes the table only, and a missed goal stands in it."""
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    results = tmp_path / "bench.json"
    rows.save(results, benchmark="offload", rows=[_row(ours=(9.0, 9.0, 9.0))])
    for _ in range(2):
        table.write_readme(readme, rows=rows.load(results))
    text = readme.read_text()
    assert text.startswith("before\n")
    assert text.endswith(f"{table.END}\nafter\n")
    assert "| offload.cpu.cp | 9 s | 3 (cp) | 3.00 | <=1.3 | MISSED |" in text
    assert "old" not in text
