"""The spool: the station's own durable store of footage, proven against the device itself."""
