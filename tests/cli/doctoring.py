"""How tests call the doctor within their own process."""

import os
from typing import Final

from dockd.cli.acting import name_of

# As who they are, for this machine may be a station with a user dockd, who sees no test's folder.
DOCTOR: Final = ("doctor", "--json", "--user", name_of(os.geteuid()))
