"""dockd-helper, the one privileged process.

A request walks once through it, and so may a reader:

    socket   `server`         who calls, one packet, one descriptor at most; what falls due
    parse    `requests`       a verb and a slot, exactly, or nothing
    verb     `service`        one thing at a time per slot; what is lent, what is cut
    slot     `configuration`  the slots, rules and watts that root wrote down
    device   `rack`, `usb`    what is in the slot's port, held so that it cannot be exchanged
    checks   `rules`          is it a camera: one storage interface, a serial number, a rule
    act      `mounts`         its disk, by sequence number: mounted, writable for a while, read-only
             `media`          which file system that is, by blkid in a box; is it clean
             `power`          its port: cuts as leases
             `linux`          the system calls
    reply    `refusals`       or why not, in an admin's words

`turns` serves `service` and `power`: one thing at a time per slot.
"""
