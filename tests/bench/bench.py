"""What every benchmark is given: a work folder, the number of runs, and how to make a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.rows import Peer, Row, row


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One run of one benchmark.

    Attributes:
        folder: Empty, on the disk that is measured; removed afterwards.
        machine: The machine in one line.
        runs: How often each side is measured, turn by turn.
    """

    folder: Path
    machine: str
    runs: int

    def row(
        self,
        name: str,
        *,
        values: Sequence[float],
        unit: str,
        goal: str,
        command: str,
        peer: Peer | None = None,
    ) -> Row:
        """Return a row of this run."""
        return row(
            name,
            values=values,
            unit=unit,
            goal=goal,
            command=command,
            machine=self.machine,
            peer=peer,
        )

    def subfolder(self, name: str) -> Path:
        """Make and return a new folder in the work folder."""
        made = self.folder / name
        made.mkdir()
        return made
