"""The docking-station daemon for body-worn and head-mounted cameras."""

__version__ = "0.1.0"
