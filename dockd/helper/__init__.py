"""dockd-helper, the one privileged process.

A request walks once through it, and so may a reader:

    __main__       who calls; one packet, one descriptor at most; what falls due without a request
    requests       a verb and a slot, exactly, or nothing                                    (pure)
    service        each verb, one thing at a time per slot
    leases         whose turn it is, and until when something is lent                        (pure)
    power          a slot's port: cut by lease, and given back
    rack           which device is in which slot, and which of them is a camera
    configuration  the slots, rules and watts that root wrote down
    rules          a camera is one storage interface, a serial number, a rule                (pure)
    device         a device held so that it cannot be exchanged, and its disk
    mounts         its disk, by sequence number: mounted, writable for a while, read-only
    media          which file system that is, by blkid in a box; is it clean
    linux          the system calls

All that it changes: three files of sysfs (`authorized`, `authorized_default`, `disable`, each by
`device.write`), whether a disk is read-only and what mounts it (`linux`), and its own `cuts.json`.
What is opened (a device's folder, its disk, a mount) belongs to a `Device`, and is closed as soon
as nobody knows of that any more: no path through a refusal can leave it open, or close it early.
"""
