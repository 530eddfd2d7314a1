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
    return "never" if seconds is None else f"{for_long(seconds)} ago"


def for_long(seconds: float) -> str:
    """Write a span of time.

    Examples
    --------
    >>> for_long(5), for_long(730)
    ('5 s', '12 min')
    """
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def several(count: int, noun: str) -> str:
    """Write a number of things.

    Examples
    --------
    >>> several(1, "call"), several(1_037, "row")
    ('1 call', '1,037 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
