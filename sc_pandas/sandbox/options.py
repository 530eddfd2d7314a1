"""What a sandbox can be told to be."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from sc_pandas.sandbox.fields import whole

Dialect = Literal["article", "swagger"]
Order = Literal["id_asc", "id_desc", "created_desc", "modified_desc", "unstable"]
DateBounds = Literal["inclusive", "exclusive_to", "date_only", "minute"]
PastEnd = Literal["empty", "last", "null"]
_CHOICES: Final[dict[str, Any]] = {
    "dialects": Dialect, "order": Order, "date_bounds": DateBounds, "past_end": PastEnd
}  # fmt: skip

DEFAULT_USERNAME: Final = "demo@sandbox.test"
DEFAULT_PASSWORD: Final = "open-sesame-sandbox"  # noqa: S105 - it opens nothing but this sandbox


class Password:
    """The user's password, which no traceback shows."""

    def __init__(self, text: "str | Password") -> None:
        self.text: str = text.text if isinstance(text, Password) else text

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Every switch of a sandbox: those of `serve`, and its quirks.

    Attributes
    ----------
    token_calls : int, optional
        After how many calls for customers a token dies.
    dialects : tuple of {"article", "swagger"}
        The spellings it understands.  Both: ``model.`` names, or bare ones if no name has the prefix; enums by name
        or code; dates as ``mm/dd/yyyy hh:mm`` or ISO.  "article" alone: bare names, ``mm/dd/yyyy`` dates, no
        ``companyIds``.  "swagger" alone: ``model.`` names, enums by code, ISO dates.
    order : {"id_asc", "id_desc", "created_desc", "modified_desc", "unstable"}
        The rows' order; "unstable" is by day of creation, customers of one day in a new order for every call.
    date_bounds : {"inclusive", "exclusive_to", "date_only", "minute"}
        How a moment x compares with dates asked: ``from <= x <= to``; ``from <= x < to``; both sides cut to days,
        inclusive; x cut to its minute, inclusive.
    page_cap : int
        The page size that larger ones are silently cut to.
    past_end : {"empty", "last", "null"}
        A page past the end has no items, is the last page once more, or has ``Items`` null.
    insists_on_json : bool
        Refuse a call for customers with 415 unless it carries ``Content-Type: application/json``, as the endpoint's
        article has it on the GET.
    """

    customers: int = 1037
    seed: int = 7
    latency_s: float = 0.0
    username: str = DEFAULT_USERNAME
    password: Password = field(default_factory=lambda: Password(DEFAULT_PASSWORD))
    calls_per_hour: int = 10_800
    token_calls: int | None = None
    dialects: tuple[Dialect, ...] = ("article", "swagger")
    order: Order = "id_asc"
    date_bounds: DateBounds = "inclusive"
    page_cap: int = 50
    past_end: PastEnd = "empty"
    insists_on_json: bool = False

    def __post_init__(self) -> None:
        whole("customers", self.customers)
        for option, allowed in _CHOICES.items():
            value = getattr(self, option)
            chosen = value if isinstance(value, tuple) else (value,)
            if not chosen or not set(chosen) <= {*get_args(allowed)}:
                raise ValueError(f"{option} must be one of {', '.join(get_args(allowed))}; got {value!r}")
