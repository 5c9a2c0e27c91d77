"""The one privileged process."""
