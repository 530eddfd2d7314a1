"""Faults on order: what goes wrong, and at which calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from sc_pandas import forks
from sc_pandas.sandbox.fields import known
from sc_pandas.sandbox.log import Endpoint
from sc_pandas.sandbox.messages import Answer, Script, json_answer, message

CallClass = Literal["list", "detail", "token", "data", "any"]
# A fault of one's own: from the right answer to another one, or to what is to be written instead of it.
Spoil = Callable[[Answer], Answer | bytes | Script]

# Every kind of fault, with its options and their defaults.
KINDS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "throttle": {"status": 409, "reset_in_s": 0.2},
        "token_death": {},
        "repeat_page": {},
        "delay": {"delay_s": 1.0},
        "status": {"status": 500, "body": None, "content_type": None, "headers": None},
    }
)
_CLASSES: Final[Mapping[str, set[str]]] = {
    **{each: {each} for each in ("list", "detail", "token")},
    "data": {"list", "detail"},
    "any": {"list", "detail", "token", "team", "other"},
}


@dataclass
class Fault:
    """One order to misbehave; `Sandbox.fault` describes it."""

    kind: str | Spoil
    at: int | None
    every: int | None
    times: int | None
    endpoint: CallClass
    options: Mapping[str, Any]
    _seen: int = field(default=0, repr=False)
    _struck: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        if not callable(self.kind) and self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(KINDS)}")
        if self.endpoint not in _CLASSES:
            raise ValueError(f"endpoint must be one of {', '.join(_CLASSES)}; got {self.endpoint!r}")
        for name, number in (("at", self.at), ("every", self.every), ("times", self.times)):
            if number is not None and number < 1:
                raise ValueError(f"{name} counts from 1, got {number}")
        defaults = {} if callable(self.kind) else KINDS[self.kind]
        known(self.options, defaults, f"fault {self.name!r} has no option {{}}")
        self.options = {**defaults, **self.options}

    @property
    def name(self) -> str:
        """The kind, or the name of its function."""
        return getattr(self.kind, "__name__", "function") if callable(self.kind) else self.kind

    def strikes(self, endpoint: Endpoint, *, taken: bool = False) -> bool:
        """Count a call and tell if it is struck; a call that another fault took only counts."""
        if endpoint not in _CLASSES[self.endpoint]:
            return False
        self._seen += 1
        beyond = self._seen - (self.at or self.every or 1)
        due = beyond >= 0 and beyond % (self.every or 1) == 0
        if taken or not due or (self.times is not None and self._struck >= self.times):
            return False
        self._struck += 1
        return True

    def spoil(self, answer: Answer) -> Answer | Script:
        """Return what is sent instead of the right answer, or that itself."""
        if callable(self.kind):
            spoilt = self.kind(answer)
            return Script((spoilt,)) if isinstance(spoilt, bytes) else spoilt
        return _other_answer(**self.options) if self.kind == "status" else answer


def _other_answer(status: int, body: Any, content_type: str | None, headers: Mapping[str, str] | None) -> Answer:
    if body is None:
        answer = message("An error has occurred.", status)
    elif isinstance(body, str | bytes):
        raw = body.encode() if isinstance(body, str) else body
        answer = Answer(status=status, body=raw, content_type="text/plain; charset=utf-8")
    else:
        answer = json_answer(body, status)
    return replace(answer, content_type=content_type or answer.content_type, headers=tuple((headers or {}).items()))


class FaultPlan(list[Fault]):
    """The orders to misbehave that are in force."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = forks.new_lock()

    def draw(self, endpoint: Endpoint) -> Fault | None:
        """Count a call and return the fault that strikes it; of several, the one ordered first."""
        with self._lock:
            struck = None
            for fault in self.copy():
                if fault.strikes(endpoint, taken=struck is not None):
                    struck = fault
            return struck
