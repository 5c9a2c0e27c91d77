"""One performance of the demo: the main job, with everything going wrong on purpose.

A rack of simulated cameras, `dockd run` as its own process, a SeaweedFS on loopback. What goes
wrong is in ``faults``, what is found at the end in ``judging``; here is who does it, in what order.
"""

import contextlib
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress

from dockd.simulator import charging, closing, judging
from dockd.simulator.faults import CablePull, Fault, Move, Script, StationKill, StoreOutage
from dockd.simulator.footage import Footage, plan, shoot
from dockd.simulator.rack import Rack
from dockd.simulator.record import Event, Record
from dockd.simulator.sabotage import Sabotage, commit
from dockd.simulator.seaweed import BUCKET, SeaweedFS
from dockd.simulator.station import END_S, Station
from dockd.simulator.watching import Arrived, Watching, watching

_TICK_S: Final = 0.03
_LOOK_S: Final = 0.4
_SPARE_SLOTS: Final = 1
_LAST_WORDS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to show.

    Attributes:
        size_bytes: The footage of all cameras together.
        speed_mb_s: How fast one camera is read; 0: as fast as it goes.
        limit_s: When to give up, in seconds after the cameras are docked.
        faults: Whether anything goes wrong on purpose.
        keep: Whether the folder stays; it does in any case after a failure.
        sabotage: What to spoil before the judgement, to show that the demo can fail.
    """

    cameras: int
    size_bytes: int
    speed_mb_s: float
    seed: int
    limit_s: float
    faults: bool
    keep: bool
    sabotage: Sabotage | None


class Performance:
    """One run, from recording the footage to the judgement."""

    def __init__(self, folder: Path, *, options: Options, console: Console) -> None:
        """Lay out rack, store and station in ``folder``; nothing runs yet."""
        self._options = options
        self._console = console
        self._rack = Rack(
            folder / "rack",
            slots=tuple(f"A{number + 1}" for number in range(options.cameras + _SPARE_SLOTS)),
        )
        self._store = SeaweedFS(folder)
        self._station = Station(
            folder, rack=self._rack, store=self._store, speed_mb_s=options.speed_mb_s
        )
        self._record = Record(self._station.ledger)
        self._footage: tuple[Footage, ...] = ()
        self._script = Script([])
        self._slots: dict[str, list[str]] = defaultdict(list)
        self._wiped: set[int] = set()
        self._proven_bytes: dict[int, int] = {}
        self._stored_bytes: dict[int, int] = {}
        self._began_s = time.monotonic()

    def run(self) -> list[str]:
        """Do it all and return every complaint; whatever happens, no process is left."""
        with contextlib.ExitStack() as ending:
            ending.callback(self._sweep)
            self._store.program.start()
            self._footage = self._record_footage()
            self._store.make_bucket()
            self._script = Script(self._faults() if self._options.faults else [])
            complaints = self._play()
            if complaints:
                # What did not come to its end is not worth a judgement of every byte.
                closing.show_faults(self._console, self._script)
                return complaints
            with contextlib.closing(self._store.client()) as client:
                if self._options.sabotage is not None:
                    commit(
                        self._options.sabotage,
                        client=client,
                        bucket=BUCKET,
                        footage=self._footage[-1],
                        rack=self._rack,
                    )
                complaints = self._judge(client)
            return complaints + self._end()

    def _record_footage(self) -> tuple[Footage, ...]:
        """Make the cameras and what is on them."""
        options = self._options
        self._say(
            f"{options.cameras} cameras record {options.size_bytes / 1024**3:.2f} GiB; "
            "SeaweedFS starts"
        )
        shots = plan(
            options.cameras,
            size_bytes=options.size_bytes,
            seed=options.seed,
            # Long enough to be interrupted, where anything is to be.
            long_clip=options.faults,
        )
        with Progress(
            console=self._console,
            transient=True,
            auto_refresh=False,
            disable=not self._console.is_terminal,
        ) as progress:
            task = progress.add_task("recording", total=options.size_bytes)

            def made(size_bytes: int) -> None:
                progress.update(task, advance=size_bytes, refresh=True)

            return tuple(
                shoot(
                    of_camera,
                    camera=serial,
                    folder=self._rack.new_camera(serial),
                    seed=options.seed,
                    made=made,
                )
                for serial, of_camera in shots.items()
            )

    def _faults(self) -> list[Fault]:
        victim = self._footage[0]
        pull = CablePull(
            victim.camera,
            clip_bytes=max(clip.size_bytes for clip in victim.clips),
            camera_bytes=victim.size_bytes,
        )
        outage = StoreOutage()
        return [pull, outage, StationKill(after=[pull, outage], clips=self._clips)]

    @property
    def _clips(self) -> int:
        return sum(len(footage.clips) for footage in self._footage)

    def _play(self) -> list[str]:
        """Follow the record until all is over; return what kept it from ending well."""
        self._began_s = time.monotonic()
        total_bytes = sum(footage.size_bytes for footage in self._footage)
        self._station.program.start()
        look_at_s = 0.0
        with watching(self._console, slots=self._rack.slots, total_bytes=total_bytes) as shown:
            while not self._is_done():
                for event in self._record.news():
                    self._take_in(event, shown)
                if not self._station.program.is_running():
                    last = self._station.program.last_words(lines=_LAST_WORDS)
                    return ["dockd ended by itself, saying:", *last]
                if self._elapsed_s > self._options.limit_s:
                    return [f"it was not over after {self._options.limit_s:.0f} s", *self._stuck()]
                if self._elapsed_s >= look_at_s:
                    self._show(shown)
                    look_at_s = self._elapsed_s + _LOOK_S
                time.sleep(_TICK_S)
            self._show(shown)
        self._say(f"over after {self._elapsed_s:.0f} s; now the judgement")
        return []

    def _take_in(self, event: Event, shown: Watching) -> None:
        """Dock the cameras once dockd runs, and make the moves that a fact calls for."""
        self._remember(event)
        if event.kind == "station-started" and not self._slots:
            for footage, slot in zip(self._footage, self._rack.slots, strict=False):
                self._rack.dock(footage.camera, slot=slot)
                self._slots[footage.camera] = []
            shown.say(self._line(f"{len(self._footage)} cameras are docked"))
        for move in self._script.saw(event):
            shown.say(self._line(f"{event.kind} (fact {event.sequence}): {move}"))
            self._make(move)

    def _remember(self, event: Event) -> None:
        """Keep what the bars, the closing table and the end of it all depend on."""
        match event.kind:
            case "docked":
                known = self._slots[event.fields["camera"]]
                if known[-1:] != [event.fields["slot"]]:
                    known.append(event.fields["slot"])
            case "clip-verified":
                self._proven_bytes[event.fields["clip"]] = event.fields["size_bytes"]
            case "receipt-accepted":
                self._stored_bytes[event.fields["clip"]] = event.fields["size_bytes"]
            case "clip-wiped":
                self._wiped.add(event.fields["clip"])
            case _:
                pass

    def _show(self, shown: Watching) -> None:
        arrived = Arrived(
            proven_bytes=sum(self._proven_bytes.values()),
            stored_bytes=sum(self._stored_bytes.values()),
        )
        shown.show(self._station.status(), arrived=arrived)

    def _make(self, move: Move) -> None:
        victim = self._footage[0].camera
        match move:
            case Move.PULL_CAMERA:
                self._rack.pull(victim)
            case Move.DOCK_AGAIN:
                before = self._slots[victim][-1]
                self._rack.dock(victim, slot=self._rack.empty_slot(other_than=before))
            case Move.KILL_STORE:
                self._store.program.kill()
            case Move.START_STORE:
                self._store.program.start()
            case Move.KILL_STATION:
                self._station.program.kill()
                self._station.program.start()

    def _is_done(self) -> bool:
        """Tell whether every camera is clear; a fault that has not come by then never will."""
        return len(self._wiped) >= self._clips and not any(
            self._rack.files_on(footage.camera) for footage in self._footage
        )

    def _stuck(self) -> list[str]:
        """Return what is known about why it did not end."""
        status = self._station.status() or {}
        return [
            f"{len(self._wiped)} of {self._clips} clips were cleared",
            *(
                f"dockd says: {problem['slug']}, {problem['subject']}: {problem['reason']}"
                for problem in status.get("problems", ())
            ),
        ]

    def _judge(self, client: Any) -> list[str]:  # noqa: ANN401 - a boto3 client
        """Look at spool, store and cameras, print what is there, and return the complaints."""
        store = judging.store_content(client)
        judgements = [
            judging.judge(
                footage,
                spool=judging.spool_digests(self._station.spool, camera=footage.camera),
                store=store,
                left=self._rack.files_on(footage.camera),
            )
            for footage in self._footage
        ]
        verified = self._station.verify()
        closing.show_cameras(self._console, judgements, slots=self._slots)
        closing.show_faults(self._console, self._script)
        closing.show_verified(self._console, verified)
        night = charging.night(self._slots, slots=self._rack.slots, seed=self._options.seed)
        closing.show_night(self._console, night)
        return [
            *(complaint for judgement in judgements for complaint in judgement.complaints),
            *judging.strangers(self._footage, store=store),
            *self._script.complaints(),
            *closing.verify_complaints(verified, clips=self._clips),
            *night.complaints(),
        ]

    def _end(self) -> list[str]:
        """End dockd and the store in good order; return what did not end as it should."""
        complaints = []
        status = self._station.end()
        if status is None:
            complaints.append(f"dockd did not end within {END_S:.0f} s of SIGTERM")
        elif status:
            complaints.append(f"dockd ended with {status} after SIGTERM")
        self._store.end()
        complaints += [f"process {pid} was left behind" for pid in self._sweep()]
        self._say(f"ended after {self._elapsed_s:.0f} s in all; no process is left")
        return complaints

    def _sweep(self) -> list[int]:
        """Kill whatever still runs and return its process ids."""
        self._record.close()
        left = self._station.program.sweep() + self._store.program.sweep()
        self._store.sweep_sockets()
        return left

    @property
    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began_s

    def _line(self, sentence: str) -> str:
        return f"{self._elapsed_s:5.1f} s  {sentence}"

    def _say(self, sentence: str) -> None:
        self._console.print(sentence, highlight=False, soft_wrap=True)
