"""dockd-helper, the one privileged process: cameras by slot, mounts as descriptors, port power.

Read it in this order: `requests` (what may be asked), `rules` (which devices are cameras),
`usb` (which device is in which slot), `media` and `mounts` (how its footage becomes a
descriptor), `power` (cuts as leases), `service` (who may do what, when), `server` (the socket).
"""
