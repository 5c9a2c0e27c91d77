"""What stores have of a camera's dockings: how stations learn of each other."""

from collections.abc import Sequence

from dockd.core import elsewhere, naming
from dockd.core.elsewhere import Manifest
from dockd.ports.store import Store


async def manifests_behind(docking: str, *, camera: str, store: Store) -> Sequence[Manifest]:
    """Return the manifests of a camera's dockings behind one of ours, the oldest first.

    Raises:
        DockdError: The store cannot be asked now.
    """
    keys = await store.records(
        naming.manifests_of(camera), after=naming.manifest_key(camera, docking=docking)
    )
    found: list[Manifest] = []
    for key in keys:
        content = await store.read_record(key)
        manifest = None if content is None else elsewhere.read(content, key=key)
        if manifest is not None:
            found.append(manifest)
    return found
