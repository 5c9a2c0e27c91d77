"""`dockd-helper`: started by systemd with its listening socket, when somebody first connects."""

import argparse
import os
import pwd
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Final

from dockd.helper import linux
from dockd.helper.configuration import Watched
from dockd.helper.memory import Memory
from dockd.helper.mounts import for_user
from dockd.helper.power import Power
from dockd.helper.rack import Rack
from dockd.helper.server import Server
from dockd.helper.service import Service
from dockd.helper.usb import Usb

_FIRST_PASSED: Final = 3


def main() -> int:
    """Serve until told to end; return the exit status."""
    parser = argparse.ArgumentParser(prog="dockd-helper", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("/etc/dockd/dockd.toml"))
    parser.add_argument("--user", default="dockd", help="who may ask, and whose footage is")
    parser.add_argument("--state", type=Path, default=Path("/run/dockd-helper"))
    arguments = parser.parse_args()
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        print("dockd-helper: systemd starts this with its socket", file=sys.stderr)  # noqa: T201 - for a person
        return 2
    listener = socket.socket(fileno=_FIRST_PASSED)
    os.set_inheritable(_FIRST_PASSED, False)  # noqa: FBT003 - its only argument
    user = pwd.getpwnam(arguments.user)
    linux.leave_children_nothing()
    usb = Usb()
    rack = Rack(usb=usb, configuration=Watched(arguments.config))
    service = Service(
        rack,
        usb=usb,
        mounting=for_user(user.pw_uid, user.pw_gid),
        power=Power(memory=Memory(arguments.state / "cuts.json"), now=time.monotonic),
        memory=Memory(arguments.state / "writable.json"),
        now=time.monotonic,
    )
    rack.guard()
    # The socket itself is systemd's and goes on listening for the next helper.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Server(service, uids={0, user.pw_uid}).serve(listener)
    return 0


if __name__ == "__main__":
    sys.exit(main())
