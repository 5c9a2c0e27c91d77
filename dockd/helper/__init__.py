"""dockd-helper, the one privileged process.

A request walks once through it, and so may a reader:

    socket   `server`         who calls, one packet, one descriptor at most; what falls due
    parse    `requests`       a verb and a slot, exactly, or nothing
    verb     `service`        each verb, one thing at a time per slot
             `leases`         whose turn it is, and until when something is lent
    slot     `configuration`  the slots, rules and watts that root wrote down
             `rack`           what is in each slot, and whether it is a camera
    checks   `rules`          it is: one storage interface, a serial number, a rule
    device   `usb`            the ports, and a device held so that it cannot be exchanged
    act      `mounts`         its disk, by sequence number: mounted, writable for a while, read-only
             `media`          which file system that is, by blkid in a box; is it clean
             `linux`          the system calls

`power` may be read by itself: it cuts a slot's port by lease, and gives the power back.

What is opened (a device's folder, its disk, a mount) belongs to a `Device`, and is closed as soon
as nobody knows of that any more: no path through a refusal can leave it open, or close it early.
"""
