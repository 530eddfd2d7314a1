"""The single customers, ``GET /api/Customers/{id}``, into typed columns.

Lists are taken apart, typed whole like any column, and put together again.  What does not fit stays null in its place:
a whole list, an item of it, or a field of an item.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from sc_pandas.contract.details import ADDRESS_KEYS, DETAILS, GROUP_KEYS, LIST_KINDS, DetailFact, field_of
from sc_pandas.contract.spelling import column_name
from sc_pandas.tables.columns import Reject, RejectFor, typed

# The first address that bears the flag fills the columns of that role.
_ROLES: Final = {"billing": "is_billing_address", "shipping": "is_shipping_address"}
_NOT_OF_ROLES: Final = frozenset({"id", "fax", *_ROLES.values()})
_NESTED: Final = frozenset({dict, list})
_Customers = Sequence[Mapping[str, Any] | None]


def detail_schema(names: Sequence[str]) -> pa.Schema:
    """Return the columns of some details, each once, in their order; ``groups`` and ``addresses`` have several."""
    columns = (_columns(fact, [], lambda _: lambda *_: None) for fact in _facts(names))
    return pa.schema([(name, array.type) for each in columns for name, array in each.items()])


def detail_columns(names: Sequence[str], customers: _Customers, reject_for: RejectFor) -> list[pa.Array]:
    """Type some details of some customers (`known_fields` or None): an array for each column of `detail_schema`."""
    return [array for fact in _facts(names) for array in _columns(fact, customers, reject_for).values()]


def _facts(names: Sequence[str]) -> Iterator[DetailFact]:
    return (fact for name in names for fact in DETAILS[name])


def _columns(fact: DetailFact, customers: _Customers, reject_for: RejectFor) -> dict[str, pa.Array]:
    """Type one field of all customers: one column, or several of a list of objects."""
    name = "groups" if fact.kind == "groups" else column_name(fact.key)
    reject = reject_for(name)
    values = _values(customers, fact, reject)
    if fact.kind not in LIST_KINDS:
        return {name: typed(_single(values, reject), fact.kind, reject)}
    if fact.kind == "strings":
        texts = _Items(values, str, "text", reject)
        return {name: texts.lists(typed(texts.items, "string", texts.told(reject, "an item: ")))}
    items = _Items(values, Mapping, "an object", reject)
    if fact.kind == "groups":
        keys = {name: "Name", "group_ids": "ID"}
        return {each: items.lists(items.field(key, GROUP_KEYS[key], reject_for(each))) for each, key in keys.items()}
    fields = {column_name(key): items.field(key, kind, reject) for key, kind in ADDRESS_KEYS.items()}
    nothing = pa.array([item is None for item in items.items], pa.bool_())
    columns = {name: items.lists(pa.StructArray.from_arrays(list(fields.values()), list(fields), mask=nothing))}
    for role, flag in _ROLES.items():
        firsts = items.firsts(fields[flag])
        columns |= {f"{role}_{each}": fields[each].take(firsts) for each in fields if each not in _NOT_OF_ROLES}
    return columns


def _values(customers: _Customers, fact: DetailFact, reject: Reject) -> list[Any]:
    """Take a field out of all customers; a block that is no object hides what it holds, and that is told."""
    for index, customer in enumerate(customers):
        block = customer.get(fact.block) if customer and fact.block else None
        if block is not None and not isinstance(block, Mapping):
            reject(index, block, f"the block {fact.block} is not an object")
    return [None if customer is None else field_of(customer, fact) for customer in customers]


def _single(values: list[Any], reject: Reject) -> list[Any]:
    """Take single values; text alone would take an object, of which `known_fields` leaves only the shape."""
    if _NESTED.isdisjoint(map(type, values)):
        return values
    for index, value in enumerate(values):
        if type(value) in _NESTED:
            reject(index, value, "not a single value")
    return [None if type(value) in _NESTED else value for value in values]


class _Items:
    """The items of all lists end to end; what is no list is null, and so is an item that does not fit."""

    def __init__(self, values: list[Any], kind: type, wanted: str, reject: Reject) -> None:
        self.items: list[Any] = []
        # The number of the list that each item belongs to.
        self._owners: list[int] = []
        offsets = [0]
        for index, value in enumerate(values):
            if isinstance(value, list):
                for item in value:
                    good = item is None or isinstance(item, kind)
                    if not good:
                        reject(index, item, f"an item that is not {wanted}")
                    self.items.append(item if good else None)
                    self._owners.append(index)
            elif value is not None:
                reject(index, value, "not a list")
            offsets.append(len(self.items))
        self._offsets = pa.array(offsets, pa.int32())
        self._no_list = pa.array([not isinstance(value, list) for value in values], pa.bool_())

    def field(self, key: str, kind: str, reject: Reject) -> pa.Array:
        """Type one field of all items."""
        told = self.told(reject, f"{column_name(key)} of an item: ")
        return typed(_single([None if item is None else item.get(key) for item in self.items], told), kind, told)

    def told(self, reject: Reject, where: str) -> Reject:
        """Report an item's misfit as one of the customer whose list it is."""
        return lambda place, value, reason: reject(self._owners[place], value, f"{where}{reason}")

    def lists(self, array: pa.Array) -> pa.Array:
        """Put what was made of the items back into lists."""
        return pa.ListArray.from_arrays(self._offsets, array, mask=self._no_list)

    def firsts(self, flags: pa.Array) -> pa.Array:
        """Find the first item of each list that bears a flag; null if there is none."""
        flagged = np.flatnonzero(flags.fill_null(False).to_numpy(zero_copy_only=False))
        owners, places = np.unique(np.array(self._owners, np.int64)[flagged], return_index=True)
        firsts = np.full(len(self._no_list), -1, np.int64)
        firsts[owners] = flagged[places]
        return pa.array(firsts, mask=firsts < 0)
