"""Footage out of the spool onto any disk: `dockd export`, and nothing of the daemon.

Below the folder that a person names, a docking is ``<docking>/`` once it is whole: ``footage/``
with the clips, ``manifest.json``, ``SHA256SUMS`` and ``ascmhl/``. Until then it is
``<docking>.partial/<docking>/``, and the clip in hand ``<docking>.partial/incoming``. Every
file is durable and was read back before it has its name, and the folder last of all, so an export
may be killed at any moment: the next one hashes what it finds, and copies what is not right.
Nothing there is reached through a link.
"""

from dockd.station.export.docking import Export
from dockd.station.export.outcomes import Absent, Outcome, Present
from dockd.station.export.target import Target

__all__ = ["Absent", "Export", "Outcome", "Present", "Target"]
