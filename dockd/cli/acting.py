"""Looks at a station as its daemon does: root may read and write much that the daemon may not."""

import grp
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Final

from dockd.errors import RequestInvalid

# As the package makes it (systemd/dockd.sysusers), with the group that its service runs in.
DAEMON_USER: Final = "dockd"
DAEMON_GROUP: Final = "dockd-admin"


def user_to_be(
    wanted: str | None, *, own_uid: int, known: Callable[[str], bool] | None = None
) -> str | None:
    """Return the user as whom root looks, who is not root; None where whoever asks stays so.

    Raises:
        RequestInvalid: there is no such user, or whoever asks may not become another.
    """
    knows = known or _is_known
    if wanted is None:
        return DAEMON_USER if own_uid == 0 and knows(DAEMON_USER) else None
    if not knows(wanted):
        raise RequestInvalid(f"there is no user {wanted!r} here")
    if own_uid != 0 and wanted != name_of(own_uid):
        raise RequestInvalid(f"only root may look as the user {wanted!r}")
    return None if own_uid != 0 or wanted == name_of(0) else wanted


def run_as(user: str, arguments: Sequence[str]) -> int:
    """Run a command line of dockd's as another user, with this one's output; return its status."""
    account = pwd.getpwnam(user)
    group = account.pw_gid
    if user == DAEMON_USER and _is_there(grp.getgrnam, DAEMON_GROUP):
        group = grp.getgrnam(DAEMON_GROUP).gr_gid
    # The folder that root is in may be closed to that user, and nothing in it is dockd's.
    flag = "-I" if sys.flags.isolated else "-P"
    return subprocess.run(  # noqa: S603 - the command is this very dockd
        [sys.executable, flag, "-m", "dockd", *arguments],
        check=False,
        cwd="/",
        user=account.pw_uid,
        group=group,
        extra_groups=os.getgrouplist(user, group),
    ).returncode


def name_of(uid: int) -> str:
    """Return a user's name, or their number where they have none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _is_known(user: str) -> bool:
    return _is_there(pwd.getpwnam, user)


def _is_there(find: Callable[[str], object], name: str) -> bool:
    try:
        find(name)
    except KeyError:
        return False
    return True
