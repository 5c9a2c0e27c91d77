"""`make rack`: a virtual station to play with, for those who have no docking rack at hand."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rack.by_hand import COMMANDS, Hands, say
from tests.rack.dock import Dock
from tests.rack.rack import Rack
from tests.rack.saved import bare_guest, resumed, some_ports
from tests.rack.station import built_package, running_station


def main() -> None:
    """Run a station, if the package was built, until its person has had enough."""
    with tempfile.TemporaryDirectory(prefix="rack-") as name:
        folder, shelf = Path(name) / "station", Path(name) / "cameras"
        folder.mkdir()
        shelf.mkdir()
        say("Starting (the first time it builds the image: some minutes) ...")
        with _rack(folder) as rack:
            say(f"\nstatus  http://127.0.0.1:{rack.machine.ports.status}/v1/status")
            say(f"console {rack.machine.console}\n\n{COMMANDS}")
            hands = Hands(rack, shelf)
            for line in _lines():
                hands.obey(line)


@contextmanager
def _rack(folder: Path) -> Iterator[Rack]:
    try:
        package = built_package()
    except RuntimeError as error:
        say(f"A bare Debian without dockd: {error}")
        with resumed(bare_guest(), folder, ports=some_ports()) as machine:
            yield Rack(machine, Dock(machine))
    else:
        with running_station(package, folder) as rack:
            yield rack


def _lines() -> Iterator[str]:
    """Read commands until `quit`, the end of the input, or Ctrl-C."""
    while True:
        sys.stdout.write("rack> ")
        sys.stdout.flush()
        try:
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            return
        if not line or line.strip() == "quit":
            return
        yield line


if __name__ == "__main__":
    main()
