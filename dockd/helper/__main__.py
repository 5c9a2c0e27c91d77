"""`dockd-helper`: started by systemd with its listening socket."""

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
from dockd.helper.mounts import for_user
from dockd.helper.rack import Rack
from dockd.helper.server import Server
from dockd.helper.service import Service

# Source: sd_listen_fds(3).
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
    # The socket itself is systemd's and goes on listening for the next helper.
    listener = socket.socket(fileno=_FIRST_PASSED)
    listener.set_inheritable(False)
    linux.leave_children_nothing()
    user = pwd.getpwnam(arguments.user)
    configuration = Watched(arguments.config)
    service = Service(
        look=lambda: Rack(configuration.now()),
        file_systems=for_user(user.pw_uid, user.pw_gid),
        cuts=arguments.state / "cuts.json",
        now=time.monotonic,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Server(service, uids={0, user.pw_uid}).serve(listener)
    return 0


if __name__ == "__main__":
    sys.exit(main())
