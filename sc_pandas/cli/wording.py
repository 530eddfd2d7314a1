"""Sizes and ages in words."""


def in_bytes(size: int) -> str:
    """Write a file size.

    Examples
    --------
    >>> in_bytes(999), in_bytes(63_210), in_bytes(5_400_000)
    ('999 bytes', '63 kB', '5.4 MB')
    """
    if size < 1_000:
        return f"{size} bytes"
    return f"{size / 1e3:.0f} kB" if size < 1e6 else f"{size / 1e6:,.1f} MB"


def ago(seconds: float | None) -> str:
    """Write an age.

    Examples
    --------
    >>> ago(None), ago(5), ago(7_300)
    ('never', '5 s ago', '2 h ago')
    """
    if seconds is None:
        return "never"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def several(count: int, noun: str) -> str:
    """Write a number of things.

    Examples
    --------
    >>> several(1, "call"), several(1_037, "row")
    ('1 call', '1,037 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
