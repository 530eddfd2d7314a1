"""What a sandbox can be told to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal, get_args

from sc_pandas.sandbox.fields import whole

Dialect = Literal["article", "swagger"]
Order = Literal["id_asc", "id_desc", "created_desc", "modified_desc", "unstable"]
DateBounds = Literal["inclusive", "exclusive_to", "date_only", "minute"]
PastEnd = Literal["empty", "last", "null"]
Style = Literal["grid", "article"]

DEFAULT_USERNAME: Final = "demo@sandbox.test"
DEFAULT_PASSWORD: Final = "open-sesame-sandbox"  # noqa: S105 - it opens nothing but this sandbox


class Password:
    """The user's password, which no traceback shows."""

    def __init__(self, text: "str | Password") -> None:
        self.text: str = text.text if isinstance(text, Password) else text

    def __repr__(self) -> str:
        return "***"


class ExpiresIn(Enum):
    """What the login says about a token's lifetime, beside any literal JSON value."""

    LIFETIME = "lifetime"
    ABSENT = "absent"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Every switch of a sandbox; `serve` describes each."""

    customers: int = 1037
    seed: int = 7
    latency_s: float = 0.0
    username: str = DEFAULT_USERNAME
    password: Password = field(default_factory=lambda: Password(DEFAULT_PASSWORD))
    token_lifetime_s: float = 3600.0
    token_calls: int | None = None
    expires_in: Any = ExpiresIn.LIFETIME
    odd_token_dates: bool = False
    bad_login_status: int = 400
    dialects: tuple[Dialect, ...] = ("article", "swagger")
    style: Style = "grid"
    order: Order = "id_asc"
    date_bounds: DateBounds = "inclusive"
    page_cap: int = 50
    past_end: PastEnd = "empty"
    unknown_id_status: int = 404
    calls_per_hour: int = 10_800
    throttle_status: int = 409
    retry_after: bool = False
    compress: bool = True
    insists_on_json: bool = False
    teams: Mapping[str, str | None] = field(default_factory=lambda: {"sandbox": None})

    def __post_init__(self) -> None:
        if self.style == "article":  # a server written from the article alone knows no other spelling
            object.__setattr__(self, "dialects", ("article",))
        if whole("customers", self.customers, "how many it opens with") < 0:
            raise ValueError(f"customers must not be negative, got {self.customers}")
        if not self.dialects:
            raise ValueError("dialects must name at least one of 'article', 'swagger'")
        for dialect in self.dialects:
            _one_of("dialects", dialect, Dialect)
        _one_of("style", self.style, Style)
        _one_of("order", self.order, Order)
        _one_of("date_bounds", self.date_bounds, DateBounds)
        _one_of("past_end", self.past_end, PastEnd)


def _one_of(option: str, value: object, allowed: Any) -> None:
    if value not in get_args(allowed):
        raise ValueError(f"{option} must be one of {', '.join(get_args(allowed))}; got {value!r}")
