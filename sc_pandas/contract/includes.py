"""What `include=` can add to a row, and what it takes: a list for each value, or a call for each customer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sc_pandas.contract import Channel, CustomerType
from sc_pandas.contract.details import DETAILS

LabelKind = Literal["name", "bool", "month", "id"]


@dataclass(frozen=True, slots=True)
class PartitionFact:
    """A column that is found by asking one list for each value of a filter; `name` is what `include=` takes.

    For months, `field` is the beginning of the names of two dates.  `codes` are asked where the filter names none;
    nobody knows a shop's companies, so each customer is asked where the filter does not name them.
    """

    name: str
    field: str
    kind: LabelKind
    codes: tuple[int, ...] = ()


# Texts (city, zip code, …) are not among them: how SellerCloud matches text is not documented, so a customer under
# "Bern" may live in Bernau.
PARTITIONS: Final[Mapping[str, PartitionFact]] = {
    fact.name: fact
    for fact in (
        PartitionFact("channel", "channel", "name", tuple(each.value for each in Channel)),
        PartitionFact("customer_type", "customer_type", "name", tuple(each.value for each in CustomerType)),
        PartitionFact("subscribed", "subscribed", "bool", (1, 0)),
        PartitionFact("exported", "exported", "bool", (1, 0)),
        PartitionFact("created_month", "created_on", "month"),
        PartitionFact("modified_month", "modified_on", "month"),
        PartitionFact("company_id", "company_ids", "id"),
    )
}
INCLUDES: Final[tuple[str, ...]] = tuple(dict.fromkeys([*PARTITIONS, *DETAILS]))
