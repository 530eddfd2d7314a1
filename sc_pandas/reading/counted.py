"""Counting a list that moves: whether somebody is outside a part of it, and one pass that is proven by a count.

Pure: who counts and asks is told what to ask, and gives the answers.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np

from sc_pandas.contract import Ids
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.order import Asking, OrderOfAsking, Run, runs_of

_TRIES: Final = 5
_TRIES_OF_CLOSED: Final = 200
# If the whole has outgrown its part by more than 3 in each of so many pairs, waiting for one that has not is vain.
_VAIN: Final = 12
# Newcomers that move rows on by so many pages come faster than is read.
_BEYOND: Final = 20


def is_the_whole(
    part: CustomerFilter,
    whole: CustomerFilter,
    total_of: Callable[[CustomerFilter], int],
    closed: CustomerFilter | None = None,
) -> bool | None:
    """Return whether nobody of a whole is outside a part of it, though both move; None where it cannot be counted.

    Counted by turns: whole, part, whole, part, ….  If nobody left meanwhile, those outside are at most as many as the
    whole has more than the part had before it, and at least as many as it had more than the part has after it.  What
    of the part can only shrink (`closed`), counted before and after, tells how many left, so one pair is a proof.  (Of
    whoever is newer, nobody may leave between the two.)  Without it pairs must agree twice, or four times where one
    contradicted.
    """
    agreed = contradicted = 0
    fell, closest = False, 2**63
    before = earlier_before = 0 if closed is None else total_of(closed)
    after = total_of(whole)
    for turn in range(1, (2 * _TRIES if closed is None else _TRIES_OF_CLOSED) + 1):
        earlier, found, after = after, total_of(part), total_of(whole)
        before_both = before
        if closed is not None and (fell or after <= found or found < earlier):
            before = min(before, total_of(closed))
            fell |= before < before_both
        most = (after - before) - (found - before_both)
        contradicted += (earlier - earlier_before) - (found - before) > 0
        agreed += most <= 0
        closest = min(closest, most)
        earlier_before = before_both
        if closed is not None and contradicted:
            return False
        needed = 1 if closed is not None else 4 if contradicted else 2
        if agreed >= needed or (closed is None and earlier == found == after):
            return True
        if contradicted >= _TRIES:
            return False
        if turn == _VAIN and closest > 3:
            break
    return None


class AnyOrder(OrderOfAsking):
    """From the first page to the last, in whatever order: newcomers only move rows to pages yet to be asked.

    Who leaves moves rows the other way; whether all came is a matter of counting.
    """

    def phases(self) -> Iterator[list[Asking]]:
        """Yield all runs at once."""
        self.runs = runs_of(1, -(-self.first.total // self.served))
        followed = [*pairwise(self.runs), (self.runs[-1], None)]
        yield [self._forth(run, following) for run, following in followed]

    def _forth(self, run: Run, following: Run | None) -> Asking:
        """Read a run to the first row of the next, or as far as newcomers can have moved it."""
        for number in range(run.low, run.high + _BEYOND):
            ids = yield from self._ask(number, f"counted {run.low}", fresh=True)
            if ids is None:
                return
            if not run.seen:
                run.first = int(ids[0]) if len(ids) else None
            run.seen.append(ids)
            ends = number * self.served
            if following is None:
                met = ends >= self.page.total
            else:
                grown = self.page.total - self.first.total
                met = number >= run.high and (following.first in ids or ends >= self.served * run.high + grown)
            if met:
                return

    @property
    def ids(self) -> Ids:
        """All ids that came in its runs."""
        return np.unique(np.concatenate([ids for run in self.runs for ids in run.seen]))
