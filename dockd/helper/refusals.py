"""Every refusal, in the words that an admin reads; `core/catalogue.py` knows the slugs."""

from typing import Final

from dockd.errors import CameraGone, DockdError, NotFound, Refused

# By name: the slug, and the sentence. `slot-settling` and `slot-busy` ask the daemon to ask again.
WORDS: Final = {
    "unusable-configuration": (
        "config-invalid",
        "dockd-helper cannot use the configuration: {why}.",
    ),
    "no-slot": ("not-found", "There is no slot {slot} with a port in the configuration."),
    "no-device": ("camera-gone", "There is no device in slot {slot}."),
    "disk-left": (
        "camera-gone",
        "The disk of slot {slot} is gone, or another one is in its place.",
    ),
    "two-devices": ("camera-not-storage", "Slot {slot} shows two devices."),
    "not-storage": (
        "camera-not-storage",
        "The device in slot {slot} is not a storage device and nothing else: {why}.",
    ),
    "no-serial": ("camera-without-serial", "The device in slot {slot} has no serial number."),
    "no-rule": (
        "camera-not-allowed",
        "The device in slot {slot} matches no rule; to accept it add, {rule}",
    ),
    "same-serial": ("camera-duplicate-serial", "Serial {serial} is in slots {slots} at once."),
    "unauthorised": ("refused", "The camera in slot {slot} is not authorised yet."),
    "no-disk-yet": ("slot-settling", "The disk of the camera in slot {slot} has not appeared yet."),
    "bad-medium": ("camera-media-refused", "The camera in slot {slot} cannot be used: {why}."),
    "not-mounted": ("refused", "Nothing of slot {slot} is mounted."),
    "foreign-descriptor": (
        "refused",
        "The descriptor is not the mount that was handed out for slot {slot}.",
    ),
    "not-made-writable": ("refused", "The medium in slot {slot} cannot be made writable ({why})."),
    "not-made-read-only": (
        "refused",
        "What is in slot {slot} cannot go back to read-only ({why}); is a file open for writing?",
    ),
    "is-cut": ("refused", "The port of slot {slot} is cut."),
    "is-writable": ("refused", "The camera in slot {slot} is writable: its port is not cut."),
    "cut-for-safety": ("refused", "The port of slot {slot} is cut for safety."),
    "port-stayed": ("port-not-switchable", "The port of slot {slot} did not follow: {why}."),
    "busy": ("slot-busy", "Slot {slot} is busy with another request."),
    "moving": ("slot-busy", "Something moved meanwhile: {why}."),
    "stranger": ("refused", "This is for dockd only."),
    "crowd": ("refused", "There are {most} connections already."),
    "failure": ("internal-error", "The helper failed: {why}."),
}
_CLASSES: Final[dict[str, type[DockdError]]] = {"camera-gone": CameraGone, "not-found": NotFound}


def refusal(name: str, slot: str = "", **details: object) -> DockdError:
    """Return the error that says no: CameraGone, NotFound, or Refused with the slug of `name`."""
    slug, sentence = WORDS[name]
    return _CLASSES.get(slug, Refused)(sentence.format(slot=slot, **details), slug=slug)
