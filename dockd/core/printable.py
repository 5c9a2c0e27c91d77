"""Names from cameras and stores as text for people: printable, on one line, never ambiguous."""

_LAST_BYTE = 0xFF
_LAST_OF_FOUR_DIGITS = 0xFFFF
_SURROGATES = range(0xDC80, 0xDD00)


def printable(value: bytes | str) -> str:
    r"""Return `value` as printable text on one line; different values stay different.

    Bytes are taken for UTF-8. A backslash is doubled; what is unprintable or undecodable becomes
    ``\xNN``, ``\uNNNN`` or ``\UNNNNNNNN``.
    """
    # A byte that is not UTF-8 becomes a surrogate here (PEP 383) and is shown as the byte it was.
    text = value.decode(errors="surrogateescape") if isinstance(value, bytes) else value
    # Nearly every text is one that stays as it is, and there is one in every line of the journal.
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_character(character) for character in text)


def quoted(name: bytes | str) -> str:
    """Return a name in quotes for a sentence, such as a problem's reason.

    A sentence is kept and sent as text, and made `printable` wherever it is shown: with backslashes
    it would be escaped twice. So what is unprintable or no UTF-8 becomes ``%XX``, as in keys.
    """
    text = name if isinstance(name, str) else name.decode(errors="surrogateescape")
    return "'" + "".join(c if c.isprintable() else _as_bytes(c) for c in text) + "'"


def _as_bytes(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode(errors="surrogateescape"))


def _character(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    point = ord(character)
    if point in _SURROGATES:
        return f"\\x{point - 0xDC00:02x}"
    if point <= _LAST_BYTE:
        # What is one byte in Latin-1 is two in UTF-8: written as a character, not as a byte.
        return f"\\x{point:02x}" if character.isascii() else f"\\u{point:04x}"
    return f"\\u{point:04x}" if point <= _LAST_OF_FOUR_DIGITS else f"\\U{point:08x}"
