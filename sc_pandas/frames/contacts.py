"""What equal e-mail addresses, phones and names have in common, and which addresses no mail should go to.

Phones are judged by Google's libphonenumber and addresses by email-validator, which asks no name server.
"""

import importlib
import unicodedata
from collections.abc import Callable
from typing import Any, Final

from sc_pandas.errors import MissingExtraError, SettingsError

# Invisible, though Unicode does not count them as format or control characters.
_UNSEEN: Final = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
# How the domains begin under which marketplaces forward mail to a buyer, on answers to an order only.
_RELAYS: Final = ("marketplace.amazon.", "members.ebay.", "relay.walmart.", "scs.tiktok")


def without_invisible(text: str) -> str:
    """Return a text without invisible characters and without blanks at its ends."""
    if text.isprintable() and text.isascii():
        return text.strip()
    unseen = {each for each in text if unicodedata.category(each) in {"Cc", "Cf"} and not each.isspace()}
    return "".join(each for each in text if each not in unseen and each not in _UNSEEN).strip()


def email_key(text: str) -> str:
    """Return what equal e-mail addresses have in common; empty for no address."""
    # Folding would make ss of an ß, which is another address.
    key = unicodedata.normalize("NFC", without_invisible(text).lower())
    return key if "@" in key[1:-1] else ""


def name_key(text: str) -> str:
    """Return what equal names have in common."""
    # Folding can undo the normal form.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", without_invisible(text)).casefold())
    return " ".join(folded.split())


def phone_keys(region: str) -> Callable[[str], str]:
    """Return what gives a phone its whole international number, without an extension; empty for no number."""
    lib = _library("phonenumbers", "Comparing phones")
    region = region.upper() if isinstance(region, str) else ""
    if region not in lib.SUPPORTED_REGIONS:
        raise SettingsError('region is the two letters of a country, such as "US" or "GB".', setting="region")

    def key_of(number: Any) -> str:
        # Without its area code, or of one digit only, it is many people's.
        if lib.is_possible_number_with_reason(number) != lib.ValidationResult.IS_POSSIBLE:
            return ""
        key: str = lib.format_number(number, lib.PhoneNumberFormat.E164)
        return key if len(set(lib.national_significant_number(number))) > 1 else ""

    def phone_key(text: str) -> str:
        try:
            if key := key_of(lib.parse(text, region)):
                return key
        except lib.NumberParseException:
            pass
        # Words around it, or a second number behind it.
        found = lib.PhoneNumberMatcher(text, region, lib.Leniency.POSSIBLE)
        return next((key_of(each.number) for each in found), "")

    return phone_key


def is_relay(key: str) -> bool:
    """Return whether the key of an address is one under which a marketplace forwards mail."""
    return key.rpartition("@")[2].startswith(_RELAYS)


def validity() -> Callable[[str], bool]:
    """Return what tells valid addresses from others by their letters."""
    lib = _library("email_validator", "Checking e-mail addresses")

    def is_valid(text: str) -> bool:
        try:
            lib.validate_email(text, check_deliverability=False)
        except lib.EmailNotValidError:
            return False
        return True

    return is_valid


def _library(name: str, purpose: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        library = name.replace("_", "-")
        raise MissingExtraError(
            f'{purpose} takes {library}: `pip install "sc_pandas[contacts]"`.', extra="contacts"
        ) from None
