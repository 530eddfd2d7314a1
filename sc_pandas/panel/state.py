"""What the panel knows, and how each event changes it: values and pure functions, without a widget or a thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

import pandas as pd

from sc_pandas.filters import CustomerFilter
from sc_pandas.panel.including import gaps_text
from sc_pandas.query import Estimate
from sc_pandas.wording import age, plural, visible

Phase = Literal["asking", "ready", "held", "loading", "failed", "wrong", "closed"]
Awaited = Literal["quota", "server"]
Counts = Mapping[str, "pd.Series[int]"]
# A count that needs more calls than this is asked with the Apply button instead of live.
LIVE_AT_MOST_CALLS: Final = 5
PAGE_ROWS: Final = 50
LOADING: Final = "Loading"
SAVING: Final = "Saving"
_LONGEST_ERROR: Final = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelState:
    """One moment of the panel.

    `rows` are the rows that came last: those of the server's page `page`, or everything once `loaded`, of which `page`
    is on show then; `rows_of` is the question they answer, `facets` their counts by columns of few values, `counts`
    those that the server was asked for.  `is_fresh` says that the count was asked of the server just now.  `message`
    belongs to the question, `notice` to something beside it that went wrong, such as a filter that could not be saved.
    `include` are the columns that loading reads besides those of the list, `loaded_with` those that the loaded rows
    were read with, `price` is what loading takes, where that was asked.
    """

    phase: Phase = "asking"
    question: CustomerFilter = field(default_factory=CustomerFilter)
    wrong: Mapping[str, str] = field(default_factory=dict)
    estimate: Estimate | None = None
    is_fresh: bool = False
    everybody: int | None = None
    rows: pd.DataFrame | None = None
    rows_of: CustomerFilter | None = None
    rows_at: datetime | None = None
    loaded: bool = False
    loaded_as: str = ""
    page: int = 1
    page_wanted: int = 1
    page_rows: int = PAGE_ROWS
    facets: Counts = field(default_factory=dict)
    counts: Counts = field(default_factory=dict)
    message: str = ""
    notice: str = ""
    task: str = ""
    pages_done: int = 0
    pages_expected: int = 0
    waiting_until: datetime | None = None
    waits_for: Awaited = "quota"
    include: tuple[str, ...] = ()
    loaded_with: tuple[str, ...] = ()
    limit: int | None = None
    price: str = ""
    pricing: bool = False

    @property
    def rows_are_old(self) -> bool:
        """True if the rows on show may not answer what the controls ask."""
        return self.rows is not None and (self.rows_of != self.question or self.phase in {"failed", "wrong"})

    @property
    def is_busy(self) -> bool:
        """True if an answer is on its way."""
        return self.phase in {"asking", "loading"}

    @property
    def start(self) -> int:
        """How many rows of the list, or of the loaded rows, come before those on show."""
        return (self.page - 1) * self.page_rows


def _begun(state: PanelState, phase: Phase, **more: Any) -> PanelState:
    """Something was begun; what was under way is overtaken, and of a load or a save the notice says so."""
    notice = f"{state.task} was stopped by this; finished pages are kept." if state.phase == "loading" else ""
    known: dict[str, Any] = {"message": "", "notice": notice, "page_wanted": state.page, "price": "", "pricing": False}
    return replace(state, phase=phase, waiting_until=None, **(known | more))


def _asked(state: PanelState, phase: Phase, question: CustomerFilter, message: str) -> PanelState:
    estimate = state.estimate if question == state.question else None
    return _begun(state, phase, question=question, wrong={}, estimate=estimate, page_wanted=1, message=message)


def asked(state: PanelState, question: CustomerFilter) -> PanelState:
    """Note that a question was sent."""
    return _asked(state, "asking", question, "")


def held(state: PanelState, question: CustomerFilter, reads: int) -> PanelState:
    """Note that counting waits for Apply, because it takes many calls or because that is wished."""
    return _asked(state, "held", question, f"Counting this takes {plural(reads, 'call')}. Press Apply to ask.")


def refused(state: PanelState, wrong: Mapping[str, str]) -> PanelState:
    """Note that the controls do not make a question; nothing is asked."""
    return _begun(state, "wrong", wrong=wrong)


def began(state: PanelState, task: str) -> PanelState:
    """Note that a long piece of work on the question began, such as loading."""
    return _begun(state, "loading", task=task, pages_done=0, pages_expected=0)


def turning(state: PanelState, page: int) -> PanelState:
    """Another page of the list was asked."""
    return _begun(state, "asking", page_wanted=page, price=state.price, pricing=state.pricing)


def stopped(state: PanelState) -> PanelState:
    """Note that what was under way was stopped."""
    return _begun(state, "ready", message="Stopped. Finished pages are kept for the next time.", notice="")


def chose(state: PanelState, include: tuple[str, ...]) -> PanelState:
    """Note that the user chose other columns; a load or a save in progress was cancelled."""
    if state.phase == "loading" and state.task in {LOADING, SAVING}:
        return _begun(state, "ready", include=include)
    return replace(state, include=include, notice="", price="", pricing=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Rows that came, when they were read, and their counts by columns of few values."""

    rows: pd.DataFrame
    at: datetime
    facets: Counts


def _came(state: PanelState, came: Rows, **more: Any) -> PanelState:
    known: dict[str, Any] = {"loaded": False, "page": 1, "page_wanted": 1, "message": "", "facets": came.facets}
    answered = replace(state, phase="ready", waiting_until=None, rows=came.rows, rows_of=state.question)
    return replace(answered, rows_at=came.at, **(known | more))


def counted(
    state: PanelState, came: Rows, *, estimate: Estimate, everybody: int | None, is_fresh: bool = False
) -> PanelState:
    """Note that the count and the first rows came."""
    known = state.everybody if everybody is None else everybody
    return _came(state, came, estimate=estimate, is_fresh=is_fresh, everybody=known, counts={})


def loaded(state: PanelState, came: Rows, *, words: str, price: str = "") -> PanelState:
    """Note that all rows came; `price` is what loading them again takes."""
    return _came(state, came, loaded=True, loaded_as=words, loaded_with=state.include, price=price)


def paged(state: PanelState, came: Rows) -> PanelState:
    """Note that another page of the list came."""
    return _came(state, came, page=state.page_wanted, page_wanted=state.page_wanted)


def turned(state: PanelState, page: int) -> PanelState:
    """Another page of the loaded rows is looked at; nothing is asked for it."""
    assert state.rows is not None  # noqa: S101  # only loaded rows are turned
    last = max(1, -(-len(state.rows) // state.page_rows))
    page = max(1, min(page, last))
    return replace(state, page=page, page_wanted=page)


def tallied(state: PanelState, *, counts: Counts, message: str) -> PanelState:
    """Note that the server was asked for the counts of a filter's values."""
    counts = {**state.counts, **counts}
    return replace(state, phase="ready", counts=counts, message=message, waiting_until=None)


def saved(state: PanelState, *, message: str, estimate: Estimate | None = None, price: str = "") -> PanelState:
    """Note that a file was written; the rows on show are as they were."""
    known = state.estimate if estimate is None else estimate
    return replace(state, phase="ready", estimate=known, message=message, waiting_until=None, price=price)


def failed(state: PanelState, *, message: str) -> PanelState:
    """Note that the question failed; the last good rows stay, marked as old."""
    return replace(state, phase="failed", message=message, page_wanted=state.page, waiting_until=None)


def progressed(state: PanelState, *, done: int, expected: int) -> PanelState:
    """Pages came."""
    return replace(state, pages_done=done, pages_expected=expected, waiting_until=None)


def waiting(state: PanelState, *, until: datetime, waits_for: Awaited) -> PanelState:
    """Note that the quota is used up, or the server takes no calls, until a time."""
    return state if state.waiting_until == until else replace(state, waiting_until=until, waits_for=waits_for)


def error_text(error: BaseException) -> str:
    """Return the name and the message of an error; hidden characters of a server's text are shown, pages of it cut."""
    name = type(error).__name__
    return visible(f"{name}: {error}" if str(error) else name, _LONGEST_ERROR)


def loaded_text(rows: int, everybody: int | None, report: Any) -> str:
    """Return how a load went: how many rows, of how many, how sure, and how old where the cache gave them."""
    of = f" of {everybody:,}" if everybody is not None else ""
    cached = f", from the cache, read {age(report.finished_at)}" if report.calls == 0 else ""
    return f"{rows:,}{of} customers loaded, {report.verdict}{cached}. {gaps_text(report.gaps)}".rstrip()


def status_text(state: PanelState) -> str:
    """Return in words what the panel shows: the line that people and screen readers read."""
    return " ".join(filter(None, [_status(state), state.notice]))


_WAITS: Final[Mapping[Awaited, str]] = {
    "quota": "SellerCloud's quota is used up; going on at",
    "server": "The server takes no calls just now; trying again until",
}
_SENTENCES: Final[Mapping[str, str]] = {
    "closed": "Closed.",
    "wrong": "Fix the highlighted field to continue.",
    "asking": "Asking…",
}


def _status(state: PanelState) -> str:
    if state.waiting_until is not None:
        return f"{_WAITS[state.waits_for]} {state.waiting_until:%H:%M:%S} UTC."
    if state.phase == "loading":
        of = f" of {state.pages_expected:,}" if state.pages_expected else ""
        return f"{state.task}: {state.pages_done:,}{of} {'answers' if state.include else 'pages'}."
    if state.phase in _SENTENCES:
        return _SENTENCES[state.phase]
    if state.loaded and not state.rows_are_old:
        return " ".join(filter(None, [state.loaded_as, state.message]))
    if state.phase in {"failed", "held"} or state.estimate is None:
        return state.message
    return " ".join(filter(None, [_count(state, state.estimate), _cost(state, state.estimate), state.message]))


def _count(state: PanelState, estimate: Estimate) -> str:
    bound = "at most " if estimate.rows.is_upper_bound else ""
    of = f" of {state.everybody:,}" if state.everybody is not None else ""
    fresh = estimate.age_s is None or state.is_fresh
    source = "asked just now" if fresh else f"from the cache, read {age(estimate.age_s)}"
    return f"{bound}{estimate.rows:,}{of} customers match, {source}."


def _cost(state: PanelState, estimate: Estimate) -> str:
    if estimate.calls == 0:
        return f"{'The list alone' if state.include else 'Load all'} is free (cached)."
    what = "The list alone" if state.include else "Loading all"
    left = "" if estimate.calls_left is None else f" {estimate.calls_left:,} are left this hour."
    return f"{what} takes {plural(estimate.calls, 'call')}, about {max(1, round(estimate.seconds)):,} s.{left}"
