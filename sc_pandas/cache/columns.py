"""What custom columns a shop has: the names and types that reads saw, for one server and user.

It lies in the cache's database, and in the connection, which has it alone if nothing can be written.
"""

from typing import Final

import msgspec

from sc_pandas import forks
from sc_pandas.cache.http_cache import HttpCache

COLUMNS_AT_MOST: Final = 10_000
BYTES_AT_MOST: Final = 2**22
_QUESTIONS_AT_MOST: Final = 200


class Columns(msgspec.Struct, frozen=True):
    """Columns of a shop, or of one read of it.

    Attributes
    ----------
    kinds : dict of str to list of str
        The kinds in which each custom column came, by the shop's name for it.
    read : list of str
        Digests of the questions whose answers were read whole.
    filled, rows : dict of str to int, int
        How many values each column of the last such answer from the server had, and how many rows it had.
    """

    kinds: dict[str, list[str]] = {}
    read: list[str] = []
    filled: dict[str, int] = {}
    rows: int = 0

    def grown(self, seen: "Columns") -> "Columns":
        """Return what is known after a read; names and kinds only grow, in whatever order reads come, up to a bound."""
        names = sorted({*self.kinds, *seen.kinds})
        kinds = {name: sorted({*self.kinds.get(name, ()), *seen.kinds.get(name, ())}) for name in names}
        read = [*self.read, *(each for each in seen.read if each not in self.read)][-_QUESTIONS_AT_MOST:]
        last = seen if seen.rows else self
        after = Columns(kinds, read, last.filled, last.rows)
        fits = len(kinds) <= COLUMNS_AT_MOST and len(msgspec.json.encode(after)) <= BYTES_AT_MOST
        return after if fits else self

    def news(self, seen: "Columns", everybody: str) -> tuple[list[str], list[str]]:
        """Return columns of a read that are new, and those whose kind is.

        Nothing is new of customers who were not read before, by this question or with everybody.
        """
        was_read = {everybody, *seen.read} & {*self.read}
        new = [name for name in seen.kinds if was_read and name not in self.kinds]
        changed = (name for name, kinds in seen.kinds.items() if {*kinds} - {*self.kinds.get(name, kinds)})
        return new, list(changed)


class ColumnMemory:
    """The custom columns of one server and user, from all reads of all processes."""

    def __init__(self, cache: HttpCache | None = None) -> None:
        self._cache = cache
        self._own = Columns()
        self._lock = forks.new_lock()

    def known(self) -> Columns:
        """Return what is remembered."""
        return self._with_own(None if self._cache is None else self._cache.find_columns())

    def learn(self, seen: Columns, *, on_disk: bool) -> tuple[Columns, Columns]:
        """Remember what a read saw; return what was known before and after: one of several processes finds it new."""
        before = self.known()

        def with_seen(found: bytes | None) -> bytes:
            nonlocal before
            before = self._with_own(found)
            return msgspec.json.encode(before.grown(seen))

        with self._lock:
            if self._cache is not None and on_disk and before.grown(seen) != before:
                self._cache.keep_columns(with_seen)
            self._own = self._own.grown(seen)
        return before, before.grown(seen)

    def _with_own(self, found: bytes | None) -> Columns:
        try:
            return self._own if found is None else msgspec.json.decode(found, type=Columns).grown(self._own)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # of another edition
            return self._own
