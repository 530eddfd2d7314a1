"""Facts about SellerCloud's customers API, each once.

Sources: the vendor's article "Get All Customers" (the *article* dialect), the vendor's Swagger description of 2022 (the
*swagger* dialect), the article "REST API Rate Limiting", and what public clients report.  What is not publicly known
says so here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final, Literal

from sc_pandas.contract.cards import CARD_KEYS as CARD_KEYS
from sc_pandas.contract.details import DETAIL_KEYS as DETAIL_KEYS
from sc_pandas.contract.rows import ID_KEYS as ID_KEYS
from sc_pandas.contract.rows import Ids as Ids
from sc_pandas.contract.rows import PageRows as PageRows
from sc_pandas.contract.rows import id_of as id_of
from sc_pandas.contract.spelling import fold as fold

TOKEN_PATH: Final = "/api/token"  # noqa: S105  # a path
CUSTOMERS_PATH: Final = "/api/Customers"
TEAM_LOOKUP_URL: Final = "https://api.sellercloud.com/api/server-by-team/"

# Reported, not documented: whatever is asked, 50 rows are served; 10 where no size was understood.
SERVED_AT_MOST: Final = 50
SERVED_BY_DEFAULT: Final = 10
# Documented: calls an hour for one user from one address, every endpoint counted.
CALLS_PER_HOUR: Final = 10_800
# Our own bound: IIS refuses query strings beyond 2,048 bytes by default.
URL_BYTES_AT_MOST: Final = 1_800
# Documented as 60 minutes; the sample says 1,800 s; `expires_in` of the answer is only a hint.
TOKEN_LIFETIME_S: Final = 3_600.0


class Dialect(Enum):
    """The two ways in which the vendor spells the same request; a request never mixes them."""

    ARTICLE = "article"
    SWAGGER = "swagger"

    @property
    def other(self) -> "Dialect":
        """The dialect that this one is not."""
        return Dialect.SWAGGER if self is Dialect.ARTICLE else Dialect.ARTICLE


class Rating(IntEnum):
    """A customer's rating; the misspelling is the vendor's."""

    NotRated = 0
    Very_Disatisfied = 1
    Disatisfied = 2
    Neutral = 3
    Satisfied = 4
    Very_Satisfied = 5


class CustomerType(IntEnum):
    """The kind of customer as the *filter* counts it (the vendor's create call counts the other way round)."""

    Retail = 0
    Wholesale = 1


_CHANNEL_NAMES = (
    "0 Local_Store,1 eBayOrder,2 eBaySingleItem,3 Yahoo,4 Amazon,5 PriceGrabber,6 Website,7 Buy,12 NewEggMall,"
    "15 Magento,16 QuickBooks,17 RMS,18 Cart32,19 Sears,20 FBA,21 Wholesale,22 Overstock,23 NewEggdotcom,24 Etsy,"
    "25 Bonanza,26 PriceFalls,27 Wayfair,28 UnbeatableSale,29 VendorCentral,30 Hayneedle,31 SmartBargains,32 uBid,"
    "33 ATGStores,34 StacksAndStacks,35 Sharkstores,36 BestBuy,37 Kohls,38 Staples,39 OneStopPlus,40 Meijer,41 Sonsi,"
    "42 Walmart,43 HSN,44 NewEgg_Business,45 KMart,46 Wish,47 SPRichards,48 FingerHut,49 Groupon,"
    "50 Walmart_Marketplace,51 ShopHQ,52 PriceMinister,53 GS,54 DrugStore,55 MercadoLibre,56 JET,57 ElevenMain,"
    "58 SearsVendor,59 Choxi,60 TradeMe,61 Tanga,62 Target,63 GrouponMarketplace,64 Reverb,65 BedBathAndBeyond,"
    "66 Dropship_Central,67 DSW,68 Houzz,69 Gilt,70 BestBuyDS,71 TopHatter,72 HomeDepot,73 MassGenie,74 Cdiscount,"
    "75 GrouponGateway,76 SBN,77 GoogleExpress,78 Target_Plus,79 WFS"
)
Channel = IntEnum(  # type: ignore[misc]  # 74 members read better as one table than as 74 lines
    "Channel",
    {name: int(code) for code, _, name in (row.partition(" ") for row in _CHANNEL_NAMES.split(","))},
)
Channel.__doc__ = "Where a customer came from; newer servers know codes that this table lacks, and they pass through."


class Flag(IntEnum):
    """Values of `subscribed` and `exported`; assumed from the vendor's other endpoints, where −1 means all."""

    All = -1
    No = 0
    Yes = 1


# Right spellings of what the vendor misspells, folded as `fold` does.
SPELLINGS: Final[Mapping[str, str]] = {"verydissatisfied": "Very_Disatisfied", "dissatisfied": "Disatisfied"}


Kind = Literal["ids", "text", "enum", "date"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterFact:
    """One documented filter of the customers list.

    `article` and `swagger` are the names of its query parameter (None where that page does not know it), `many` says
    that the parameter may be repeated, and `group` is where people look for it: who, kind, when, where or more.
    """

    name: str
    article: str | None
    swagger: str
    kind: Kind
    label: str
    group: str
    says: str
    enum: type[IntEnum] | None = None
    open_enum: bool = False
    many: bool = False

    def parameter(self, dialect: Dialect) -> str | None:
        """Name of the query parameter in a dialect, or None where the dialect has none."""
        return self.article if dialect is Dialect.ARTICLE else self.swagger


def _fact(name: str, wire: str, kind: Kind, label: str, group: str, says: str, **more: object) -> FilterFact:
    facts = {"article": wire, "swagger": f"model.{wire}", **more}
    return FilterFact(name=name, kind=kind, label=label, group=group, says=says, **facts)  # type: ignore[arg-type]


FILTERS: Final[tuple[FilterFact, ...]] = (
    _fact("customer_ids", "customerIDs", "ids", "Customer ids", "who", "SellerCloud's ids of the customers",
          swagger="model.customerIds", many=True),
    _fact("email", "email", "text", "E-mail", "who", "the customer's e-mail address"),
    _fact("first_name", "firstName", "text", "First name", "who", "the customer's first name"),
    _fact("last_name", "lastName", "text", "Last name", "who", "the customer's last name"),
    _fact("rating", "rating", "enum", "Rating", "kind", "how satisfied the customer is with you", enum=Rating),
    _fact("customer_type", "customerType", "enum", "Customer type", "kind", "retail or wholesale", enum=CustomerType),
    _fact("subscribed", "subscribed", "enum", "Subscribed", "kind", "whether the customer is subscribed", enum=Flag),
    _fact("created_on_from", "createdOnFrom", "date", "Created from", "when", "created at or after this time"),
    _fact("created_on_to", "createdOnTo", "date", "Created to", "when",
          "created at or before this time (a day, month or year: all of it)"),
    _fact("modified_on_from", "modifiedOnFrom", "date", "Modified from", "when", "changed at or after this time"),
    _fact("modified_on_to", "modifiedOnTo", "date", "Modified to", "when",
          "changed at or before this time (a day, month or year: all of it)"),
    _fact("phone_number", "phoneNumber", "text", "Phone number", "who", "a phone number of the customer"),
    _fact("city", "city", "text", "City", "where", "city of the customer's address"),
    _fact("zip_code", "zipCode", "text", "Zip code", "where", "zip code of the customer's address"),
    _fact("exported", "exported", "enum", "Exported", "kind", "whether the customer was exported", enum=Flag),
    _fact("channel", "channel", "enum", "Channel", "where", "marketplace or shop the customer came from",
          enum=Channel, open_enum=True),
    _fact("corporate_name", "corporateName", "text", "Business name", "who", "the customer's business name"),
    _fact("company_ids", "companyIds", "ids", "Company ids", "more", "ids of your companies in SellerCloud",
          article=None, many=True),
    _fact("keyword", "keyword", "text", "Keyword", "more", "SellerCloud's search over several fields"),
)  # fmt: skip
FILTERS_BY_NAME: Final[Mapping[str, FilterFact]] = {fact.name: fact for fact in FILTERS}
DATE_RANGES: Final = (("created_on_from", "created_on_to"), ("modified_on_from", "modified_on_to"))

PAGE_NUMBER: Final[Mapping[Dialect, str]] = {Dialect.ARTICLE: "pageNumber", Dialect.SWAGGER: "model.pageNumber"}
PAGE_SIZE: Final[Mapping[Dialect, str]] = {Dialect.ARTICLE: "pageSize", Dialect.SWAGGER: "model.pageSize"}


class CustomDataType(IntEnum):
    """`DataType` of a custom column."""

    String = 0
    Integer = 1
    Decimal = 2
    DateTime = 3
    Boolean = 4
    nText = 5  # noqa: N815  # the vendor's name
    Hyperlink = 6


# The ten documented keys of a list row, in the frame's order, with the name of the frame's type (see `tables`).
LIST_KEYS: Final[Mapping[str, str]] = {
    "UserID": "int64", "Email": "string", "FirstName": "string", "LastName": "string", "EmailCC": "string",
    "CorporateName": "string", "Rating": "rating", "IsWholeSaleUser": "bool", "IsWholesaleString": "string",
    "CustomColumns": "custom",
}  # fmt: skip
# What is read of an entry of `CustomColumns`; the rest defines the column.
CUSTOM_KEYS: Final = ("ColumnName", "Value", "DataType", "IsDropDownAllowMultipleSelection")
