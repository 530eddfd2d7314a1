"""The customers a sandbox opens with; small populations are remembered, so that the next sandbox starts at once."""

import functools
from collections.abc import Iterable

from sc_pandas.sandbox.options import Style
from sc_pandas.sandbox.people import Population
from sc_pandas.sandbox.store import Row, row

_REMEMBERED_AT_MOST = 5_000  # about 2 kB each


def founded(customers: int, seed: int, style: Style) -> tuple[Iterable[Row], Population]:
    """Make a population and the rows of its first customers.

    Parameters
    ----------
    customers : int
        How many.
    seed : int
        Equal seeds give equal customers.
    style : {"grid", "article"}
        How the list shows them.

    Returns
    -------
    tuple of (iterable of dict, Population)
        The rows, to be read before the population makes further customers.

    Examples
    --------
    >>> rows, population = founded(3, 7, "grid")
    >>> [row["user_id"] for row in rows]
    [1001, 1002, 1003]
    """
    if customers <= _REMEMBERED_AT_MOST:
        rows, population = _remembered(customers, seed, style)
        return rows, population.copy()
    population = Population(seed)
    return (row(record, style) for record in population.founders(customers)), population


@functools.lru_cache(maxsize=4)
def _remembered(customers: int, seed: int, style: Style) -> tuple[tuple[Row, ...], Population]:
    population = Population(seed)
    return tuple(row(record, style) for record in population.founders(customers)), population
