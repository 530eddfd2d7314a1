"""Bytes that went wrong."""

from collections.abc import Iterable, Iterator


def flipped(content: bytes, step: int = 1, masks: Iterable[int] = (1,)) -> Iterator[bytes]:
    """Return the content with some bits of one byte changed, of each byte (or of one in `step`) in turn."""
    for place in range(0, len(content), step):
        for mask in masks:
            yield content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :]
