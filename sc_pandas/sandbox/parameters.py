"""The request parameters of ``GET /api/Customers`` and the codes they speak, as the vendor publishes them."""

import re
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["text", "integer", "integers", "rating", "customer_type", "channel", "date"]

# The misspelling is the vendor's.
RATINGS: Final = dict(
    enumerate(("NotRated", "Very_Disatisfied", "Disatisfied", "Neutral", "Satisfied", "Very_Satisfied"))
)
CUSTOMER_TYPES: Final = {0: "Retail", 1: "Wholesale"}

_CHANNEL_LINES = """
0 Local_Store|1 eBayOrder|2 eBaySingleItem|3 Yahoo|4 Amazon|5 PriceGrabber|6 Website|7 Buy|12 NewEggMall|15 Magento
16 QuickBooks|17 RMS|18 Cart32|19 Sears|20 FBA|21 Wholesale|22 Overstock|23 NewEggdotcom|24 Etsy|25 Bonanza
26 PriceFalls|27 Wayfair|28 UnbeatableSale|29 VendorCentral|30 Hayneedle|31 SmartBargains|32 uBid|33 ATGStores
34 StacksAndStacks|35 Sharkstores|36 BestBuy|37 Kohls|38 Staples|39 OneStopPlus|40 Meijer|41 Sonsi|42 Walmart
43 HSN|44 NewEgg_Business|45 KMart|46 Wish|47 SPRichards|48 FingerHut|49 Groupon|50 Walmart_Marketplace|51 ShopHQ
52 PriceMinister|53 GS|54 DrugStore|55 MercadoLibre|56 JET|57 ElevenMain|58 SearsVendor|59 Choxi|60 TradeMe
61 Tanga|62 Target|63 GrouponMarketplace|64 Reverb|65 BedBathAndBeyond|66 Dropship_Central|67 DSW|68 Houzz|69 Gilt
70 BestBuyDS|71 TopHatter|72 HomeDepot|73 MassGenie|74 Cdiscount|75 GrouponGateway|76 SBN|77 GoogleExpress
78 Target_Plus|79 WFS
"""
CHANNELS: Final = {
    int(code): name for code, name in (entry.split() for entry in _CHANNEL_LINES.strip().replace("\n", "|").split("|"))
}

CODES: Final = {"rating": RATINGS, "customer_type": CUSTOMER_TYPES, "channel": CHANNELS}


@dataclass(frozen=True)
class Parameter:
    """One query parameter: its name without prefix, our name for it, and how its text is read."""

    name: str
    field: str
    kind: Kind


_NAMES: Final[dict[Kind, str]] = {
    "integers": "customerIds companyIds",  # the article writes customerIDs; case does not matter
    "text": "email firstName lastName phoneNumber city zipCode corporateName keyword",
    "rating": "rating",
    "customer_type": "customerType",
    "channel": "channel",
    "integer": "subscribed exported pageNumber pageSize",
    "date": "createdOnFrom createdOnTo modifiedOnFrom modifiedOnTo",
}
NOT_IN_ARTICLE: Final = frozenset({"companyIds"})
PARAMETERS: Final = tuple(
    Parameter(name, re.sub("([A-Z])", r"_\1", name).lower(), kind)
    for kind, names in _NAMES.items()
    for name in names.split()
)
