"""The single customers, ``GET /api/Customers/{id}``, into typed columns.

Lists are taken apart, typed whole like any column, and put together again.  What does not fit stays null in its place:
a whole list, an item of it, or a field of an item.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from sc_pandas.contract.details import ADDRESS_KEYS, DETAILS, GROUP_KEYS, LIST_KINDS, DetailFact, field_of
from sc_pandas.contract.includes import PARTITIONS
from sc_pandas.errors import SettingsError
from sc_pandas.tables.columns import TYPES, Reject, RejectFor, typed
from sc_pandas.tables.names import column_name

# What bears which flag becomes the group of columns of that name.
_ROLES: Final = {"billing": "is_billing_address", "shipping": "is_shipping_address"}
_FIELDS: Final = {column_name(key): TYPES[kind] for key, kind in ADDRESS_KEYS.items()}
_ROLE_FIELDS: Final = tuple(name for name in _FIELDS if name not in {"id", "fax", *_ROLES.values()})
_NESTED: Final = frozenset({dict, list})
_Customers = Sequence[Mapping[str, Any] | None]
_Columns = Mapping[str, pa.Array]


def detail_schema(names: Sequence[str]) -> pa.Schema:
    """Give the columns of some details.

    Parameters
    ----------
    names : sequence of str
        Keys of `sc_pandas.contract.details.DETAILS`, each once.

    Returns
    -------
    pyarrow.Schema
        The columns in the order of the names; ``groups`` and ``addresses`` give several.

    Examples
    --------
    >>> detail_schema(["tax_exempt", "groups"]).names
    ['tax_exempt', 'tax_exempt_type', 'groups', 'group_ids']
    """
    columns: dict[str, pa.DataType] = {}
    for fact in _facts(names):
        columns |= _LISTS[fact.kind].columns(fact) if fact.kind in LIST_KINDS else {_name(fact): TYPES[fact.kind]}
    return pa.schema(list(columns.items()))


def detail_columns(names: Sequence[str], customers: _Customers, reject_for: RejectFor) -> list[pa.Array]:
    """Type some details of some customers.

    Parameters
    ----------
    names : sequence of str
        Keys of `sc_pandas.contract.details.DETAILS`, each once.
    customers : sequence of mapping or None
        What `sc_pandas.contract.details.known_fields` gave; None where nothing is known of a customer.
    reject_for : callable
        Gives for a column what takes the position, the raw value and the reason of all that does not fit.

    Returns
    -------
    list of pyarrow.Array
        One for each column of `detail_schema`, in its order, each as long as the customers are many.

    Examples
    --------
    >>> groups = {"CustomerGroups": {"CustomerGroups": [{"ID": 7, "Name": "VIP"}]}}
    >>> detail_columns(["groups"], [groups, None], lambda column: print)[0].to_pylist()
    [['VIP'], None]
    """
    arrays: list[pa.Array] = []
    for fact in _facts(names):
        values = _values(customers, fact, reject_for(_name(fact)))
        if fact.kind in LIST_KINDS:
            arrays += _LISTS[fact.kind].typed(fact, values, reject_for).values()
        else:
            arrays.append(typed(values, fact.kind, reject_for(_name(fact))))
    return arrays


def _facts(names: Sequence[str]) -> Iterator[DetailFact]:
    return (fact for name in names for fact in DETAILS[name])


def _name(fact: DetailFact) -> str:
    return "groups" if fact.kind == "groups" else column_name(fact.key)


def _values(customers: _Customers, fact: DetailFact, reject: Reject) -> list[Any]:
    """Take a field out of all customers; a block that is no object hides what it holds, and that is told."""
    for index, customer in enumerate(customers):
        block = customer.get(fact.block) if customer and fact.block else None
        if block is not None and not isinstance(block, Mapping):
            reject(index, block, f"the block {fact.block} is not an object")
    values = [None if customer is None else field_of(customer, fact) for customer in customers]
    return values if fact.kind in LIST_KINDS else _single(values, reject)


def _single(values: list[Any], reject: Reject) -> list[Any]:
    """Take single values; text alone would take an object, of which `known_fields` leaves only the shape."""
    if _NESTED.isdisjoint(map(type, values)):
        return values
    for index, value in enumerate(values):
        if type(value) in _NESTED:
            reject(index, value, "not a single value")
    return [None if type(value) in _NESTED else value for value in values]


@dataclass(frozen=True)
class _Items:
    """The items of all lists end to end, and which list (`owners`) each belongs to."""

    items: list[Any]
    owners: list[int]
    offsets: pa.Array
    no_list: pa.Array

    @classmethod
    def of(cls, values: list[Any], fits: Callable[[Any], bool], wanted: str, reject: Reject) -> "_Items":
        """Take lists apart; what is no list is null, and so is an item that does not fit."""
        items: list[Any] = []
        owners: list[int] = []
        offsets = [0]
        for index, value in enumerate(values):
            if isinstance(value, list):
                for item in value:
                    good = item is None or fits(item)
                    if not good:
                        reject(index, item, f"an item that is not {wanted}")
                    items.append(item if good else None)
                    owners.append(index)
            elif value is not None:
                reject(index, value, "not a list")
            offsets.append(len(items))
        no_list = pa.array([not isinstance(value, list) for value in values], pa.bool_())
        return cls(items, owners, pa.array(offsets, pa.int32()), no_list)

    def field(self, key: str, kind: str, reject: Reject) -> pa.Array:
        """Type one field of all items."""
        name = f"{column_name(key)} of an item: "
        values = [None if item is None else item.get(key) for item in self.items]
        return typed(_single(values, self.told(reject, name)), kind, self.told(reject, name))

    def told(self, reject: Reject, where: str) -> Reject:
        """Tell of an item's misfit as one of the customer whose list it is."""
        return lambda place, value, reason: reject(self.owners[place], value, f"{where}{reason}")

    def lists(self, array: pa.Array) -> pa.Array:
        """Put what was made of the items back into lists."""
        return pa.ListArray.from_arrays(self.offsets, array, mask=self.no_list)

    def firsts(self, flags: pa.Array) -> pa.Array:
        """Find the first item of each list that bears a flag; null where there is none."""
        flagged = np.flatnonzero(flags.fill_null(False).to_numpy(zero_copy_only=False))
        owners, places = np.unique(np.array(self.owners, np.int64)[flagged], return_index=True)
        firsts = np.full(len(self.no_list), -1, np.int64)
        firsts[owners] = flagged[places]
        return pa.array(firsts, mask=firsts < 0)


def _is_object(item: object) -> bool:
    return isinstance(item, Mapping)


def _is_text(item: object) -> bool:
    return isinstance(item, str)


def _string_columns(fact: DetailFact) -> dict[str, pa.DataType]:
    return {_name(fact): pa.list_(pa.string())}


def _strings(fact: DetailFact, values: list[Any], reject_for: RejectFor) -> _Columns:
    reject = reject_for(_name(fact))
    items = _Items.of(values, _is_text, "text", reject)
    return {_name(fact): items.lists(typed(items.items, "string", items.told(reject, "an item: ")))}


def _group_columns(fact: DetailFact) -> dict[str, pa.DataType]:
    return {_name(fact): pa.list_(TYPES[GROUP_KEYS["Name"]]), "group_ids": pa.list_(TYPES[GROUP_KEYS["ID"]])}


def _groups(fact: DetailFact, values: list[Any], reject_for: RejectFor) -> _Columns:
    items = _Items.of(values, _is_object, "an object", reject_for(_name(fact)))
    return {
        name: items.lists(items.field(key, GROUP_KEYS[key], reject_for(name)))
        for name, key in ((_name(fact), "Name"), ("group_ids", "ID"))
    }


def _address_columns(fact: DetailFact) -> dict[str, pa.DataType]:
    roles = {f"{role}_{field}": _FIELDS[field] for role in _ROLES for field in _ROLE_FIELDS}
    return {_name(fact): pa.list_(pa.struct(list(_FIELDS.items()))), **roles}


def _addresses(fact: DetailFact, values: list[Any], reject_for: RejectFor) -> _Columns:
    reject = reject_for(_name(fact))
    items = _Items.of(values, _is_object, "an object", reject)
    fields = {column_name(key): items.field(key, kind, reject) for key, kind in ADDRESS_KEYS.items()}
    nothing = pa.array([item is None for item in items.items], pa.bool_())
    columns = {_name(fact): items.lists(pa.StructArray.from_arrays(list(fields.values()), list(fields), mask=nothing))}
    for role, flag in _ROLES.items():
        firsts = items.firsts(fields[flag])
        columns |= {f"{role}_{field}": fields[field].take(firsts) for field in _ROLE_FIELDS}
    return columns


@dataclass(frozen=True)
class _List:
    """How a kind of list becomes columns: which, and from what."""

    columns: Callable[[DetailFact], dict[str, pa.DataType]]
    typed: Callable[[DetailFact, list[Any], RejectFor], _Columns]


_LISTS: Final = {
    "strings": _List(_string_columns, _strings),
    "groups": _List(_group_columns, _groups),
    "addresses": _List(_address_columns, _addresses),
}


def include_of(column: str) -> str | None:
    """Give the name under which `include=` reads a column, or None where it reads none of that name.

    Examples
    --------
    >>> include_of("phone1"), include_of("channel"), include_of("email")
    ('phones', 'channel', None)
    """
    if column in PARTITIONS:
        return column
    return next((name for name in DETAILS if column in detail_schema([name]).names), None)


def check_columns(wanted: Iterable[str], columns: Sequence[str]) -> None:
    """Refuse columns that there are not.

    Raises
    ------
    SettingsError
        There is no such column; it says which there are, and what to include where that gives it.
    """
    missing = [name for name in wanted if name not in columns]
    if missing:
        names = list(dict.fromkeys(filter(None, map(include_of, missing))))
        hint = f" Read with include={names!r}." if names else ""
        raise SettingsError(
            f"There is no column {', '.join(map(repr, missing))}.{hint} There are: {', '.join(columns)}.",
            setting="columns",
        )
