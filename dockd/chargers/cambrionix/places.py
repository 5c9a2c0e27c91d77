"""Which port of the hub a slot is: the nth ``[[slots]]`` table is the hub's port n.

USB paths cannot tell it: a hub of fifteen ports is several USB hubs in a chain, wired as its maker
liked. The order of the tables can, is seen at a glance, and needs no key of its own; a port of
the hub that serves no slot is a table with a name and no ``port``.
"""

from collections.abc import Mapping

from dockd.config import Config


def hub_ports(config: Config) -> Mapping[str, int]:
    """Return the hub's port (1 and up) of every configured slot."""
    return {slot.name: number for number, slot in enumerate(config.slots, start=1)}
