"""What the panel knows, and how each event changes it: values and pure functions, without a widget or a thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import pandas as pd

from sc_pandas.filters import CustomerFilter
from sc_pandas.panel.including import gaps_text
from sc_pandas.panel.protocols import EstimateLike
from sc_pandas.wording import age, duration, plural, visible

Phase = Literal["asking", "ready", "dear", "loading", "failed", "wrong", "closed"]
# A count that needs more calls than this is asked with the Apply button instead of live.
LIVE_AT_MOST_CALLS = 5
PAGE_ROWS = 50
LOADING, SAVING = "Loading", "Saving"
_LONGEST_ERROR = 1_000


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts of the rows on show by their columns of few values, and their picture, if it could be drawn."""

    counts: "Mapping[str, pd.Series[int]]"
    png: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelState:
    """One moment of the panel.

    `generation` numbers the questions; an event of an older one changes nothing.  `rows` are the rows that came last:
    those of the server's page `page`, or everything once `loaded`, of which `page` is on show then; `rows_of` is the
    question they answer.  `is_fresh` says that the count was asked of the server just now.  `message` belongs to the
    question, `notice` to something beside it that went wrong, such as a filter that could not be saved.  `include` are
    the columns that loading reads besides those of the list, `loaded_with` those that the loaded rows were read with,
    `price` is what loading takes, where that was asked.
    """

    generation: int = 0
    phase: Phase = "asking"
    question: CustomerFilter = field(default_factory=CustomerFilter)
    wrong: Mapping[str, str] = field(default_factory=dict)
    estimate: EstimateLike | None = None
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
    facets: Facets | None = None
    drawing: bool = False
    counts: "Mapping[str, pd.Series[int]]" = field(default_factory=dict)
    message: str = ""
    notice: str = ""
    task: str = ""
    pages_done: int = 0
    pages_expected: int = 0
    waiting_until: datetime | None = None
    waits_for: Literal["quota", "server"] = "quota"
    include: tuple[str, ...] = ()
    loaded_with: tuple[str, ...] = ()
    limit: int | None = None
    price: str = ""
    pricing: bool = False

    @property
    def rows_are_old(self) -> bool:
        """Whether the rows on show may not answer what the controls ask."""
        return self.rows is not None and (self.rows_of != self.question or self.phase in {"failed", "wrong"})

    @property
    def is_busy(self) -> bool:
        """Whether an answer is on its way."""
        return self.phase in {"asking", "loading"}

    @property
    def is_working(self) -> bool:
        """Whether an answer is on its way, or a picture, or a price."""
        return self.is_busy or self.drawing or self.pricing

    @property
    def start(self) -> int:
        """How many rows of the list, or of the loaded rows, come before those on show."""
        return (self.page - 1) * self.page_rows


# ── questions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def asked(state: PanelState, generation: int, question: CustomerFilter) -> PanelState:
    """A question was sent."""
    same = question == state.question
    return replace(
        state,
        generation=generation,
        phase="asking",
        question=question,
        wrong={},
        estimate=state.estimate if same else None,
        message="",
        notice=_overtaken(state),
        page_wanted=1,
        waiting_until=None,
        price="",
        pricing=False,
    )


def began(state: PanelState, generation: int, task: str) -> PanelState:
    """A long piece of work on the question began, such as loading."""
    return replace(
        state,
        generation=generation,
        phase="loading",
        task=task,
        message="",
        notice=_overtaken(state),
        page_wanted=state.page,
        pages_done=0,
        pages_expected=0,
        waiting_until=None,
        price="",
        pricing=False,
    )


def turning(state: PanelState, generation: int, page: int) -> PanelState:
    """Another page of the list was asked."""
    return replace(
        state, generation=generation, phase="asking", message="", notice="", page_wanted=page, waiting_until=None
    )


def refused(state: PanelState, generation: int, wrong: Mapping[str, str]) -> PanelState:
    """The controls do not make a question; nothing is asked."""
    return replace(
        state,
        generation=generation,
        phase="wrong",
        wrong=wrong,
        message="",
        notice=_overtaken(state),
        waiting_until=None,
        price="",
        pricing=False,
    )


def held(state: PanelState, generation: int, question: CustomerFilter, reads: int) -> PanelState:
    """Counting waits for Apply, because it is dear or because that is wished."""
    return replace(
        state,
        generation=generation,
        phase="dear",
        question=question,
        wrong={},
        estimate=state.estimate if question == state.question else None,
        message=f"Counting this takes {plural(reads, 'call')}. Press Apply to ask.",
        notice=_overtaken(state),
        page_wanted=1,
        waiting_until=None,
        price="",
        pricing=False,
    )


def chose(state: PanelState, generation: int, include: tuple[str, ...]) -> PanelState:
    """Other columns shall be loaded; a new generation says that a load or a save was stopped by that."""
    chosen = replace(state, include=include, notice="", price="", pricing=False)
    if generation == state.generation:
        return chosen
    return replace(chosen, generation=generation, phase="ready", notice=_overtaken(state), waiting_until=None)


def pricing(state: PanelState) -> PanelState:
    """What loading takes is asked."""
    return replace(state, price="", pricing=True)


def priced(state: PanelState, text: str = "") -> PanelState:
    """What loading takes is known, or no longer asked."""
    return replace(state, price=text, pricing=False)


def _overtaken(state: PanelState) -> str:
    # A load or a save that a new question stops is not stopped silently.
    return f"{state.task} was stopped by this; finished pages are kept." if state.phase == "loading" else ""


# ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def counted(
    state: PanelState,
    generation: int,
    estimate: EstimateLike,
    everybody: int | None,
    rows: pd.DataFrame,
    at: datetime,
    *,
    is_fresh: bool = False,
) -> PanelState:
    """The count and the first rows came."""
    if generation != state.generation:
        return state
    return replace(
        state,
        phase="ready",
        estimate=estimate,
        is_fresh=is_fresh,
        everybody=everybody if everybody is not None else state.everybody,
        rows=rows,
        rows_of=state.question,
        rows_at=at,
        loaded=False,
        page=1,
        page_wanted=1,
        drawing=True,
        counts={},
        message="",
        waiting_until=None,
    )


def loaded(
    state: PanelState, generation: int, rows: pd.DataFrame, at: datetime, words: str, price: str = ""
) -> PanelState:
    """All rows came; `price` is what loading them again takes."""
    if generation != state.generation:
        return state
    return replace(
        state,
        phase="ready",
        rows=rows,
        rows_of=state.question,
        rows_at=at,
        loaded=True,
        loaded_as=words,
        loaded_with=state.include,
        page=1,
        page_wanted=1,
        drawing=True,
        message="",
        waiting_until=None,
        price=price,
        pricing=False,
    )


def paged(state: PanelState, generation: int, rows: pd.DataFrame, at: datetime) -> PanelState:
    """Another page of the list came."""
    if generation != state.generation:
        return state
    return replace(
        state,
        phase="ready",
        rows=rows,
        rows_of=state.question,
        rows_at=at,
        loaded=False,
        page=state.page_wanted,
        drawing=True,
        message="",
        waiting_until=None,
    )


def turned(state: PanelState, page: int) -> PanelState:
    """Another page of the loaded rows is looked at; nothing is asked for it."""
    assert state.rows is not None  # noqa: S101  # only loaded rows are turned
    last = max(1, -(-len(state.rows) // state.page_rows))
    page = max(1, min(page, last))
    return replace(state, page=page, page_wanted=page)


def drawn(state: PanelState, rows: pd.DataFrame, facets: Facets | None) -> PanelState:
    """The facets of some rows are drawn; they matter while those rows are there."""
    return replace(state, facets=facets, drawing=False) if state.rows is rows else state


def tallied(state: PanelState, generation: int, counts: "Mapping[str, pd.Series[int]]", message: str) -> PanelState:
    """The server was asked for the counts of a filter's values."""
    if generation != state.generation:
        return state
    return replace(state, phase="ready", counts={**state.counts, **counts}, message=message, waiting_until=None)


def saved(
    state: PanelState, generation: int, message: str, estimate: EstimateLike | None = None, price: str = ""
) -> PanelState:
    """A file was written; the rows on show are as they were."""
    if generation != state.generation:
        return state
    known = state.estimate if estimate is None else estimate
    return replace(
        state, phase="ready", estimate=known, message=message, waiting_until=None, price=price, pricing=False
    )


def failed(state: PanelState, generation: int, message: str) -> PanelState:
    """The question failed; the last good rows stay, marked as old."""
    if generation != state.generation:
        return state
    return replace(state, phase="failed", message=message, page_wanted=state.page, waiting_until=None)


def stopped(state: PanelState, generation: int) -> PanelState:
    """What was under way was stopped."""
    message = "Stopped. Finished pages are kept for the next time."
    return replace(
        state, generation=generation, phase="ready", message=message, page_wanted=state.page, waiting_until=None
    )


def noticed(state: PanelState, notice: str) -> PanelState:
    """Something beside the question is said; question, rows and what is under way stay as they are."""
    return replace(state, notice=notice)


def progressed(state: PanelState, generation: int, *, done: int, expected: int) -> PanelState:
    """Pages came."""
    if generation != state.generation:
        return state
    return replace(state, pages_done=done, pages_expected=expected, waiting_until=None)


def throttled(state: PanelState, generation: int, until: datetime) -> PanelState:
    """The quota is used up until a time."""
    if generation != state.generation or state.waiting_until == until:
        return state
    return replace(state, waiting_until=until, waits_for="quota")


def server_away(state: PanelState, generation: int, until: datetime) -> PanelState:
    """The server takes no calls and is waited for."""
    reached = throttled(state, generation, until)
    return state if reached is state else replace(reached, waits_for="server")


# ── in words ───────────────────────────────────────────────────────────────────────────────────────────────────────


def error_text(error: BaseException) -> str:
    """Say a failure as a heading and advice; errors of sc_pandas teach, others are named.

    What a server or a library put into it is shown, and neither hidden characters nor pages of it.
    """
    name = type(error).__name__
    return visible(f"{name}: {error}" if str(error) else name, _LONGEST_ERROR)


def loaded_text(rows: int, everybody: int | None, report: Any) -> str:
    """Say how a load went: how many rows, of how many, how sure, and how old where the cache gave them."""
    of = f" of {everybody:,}" if everybody is not None else ""
    kept = f", from the cache, read {age(report.finished_at)}" if report.calls == 0 else ""
    return f"{rows:,}{of} customers loaded, {report.verdict}{kept}. {gaps_text(report.gaps)}".rstrip()


def status_text(state: PanelState) -> str:
    """Say in words what the panel shows: the line that people and screen readers read."""
    return " ".join(filter(None, [_status(state), state.notice]))


_WAITS = {
    "quota": "SellerCloud's quota is used up; going on at",
    "server": "The server takes no calls just now; trying again until",
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
    if state.phase in {"failed", "dear"} or state.estimate is None:
        return state.message
    return " ".join(filter(None, [_matches(state), _cost(state), state.message]))


_SENTENCES: Mapping[str, str] = {
    "closed": "Closed.",
    "wrong": "Mend the marked entry; nothing is asked until then.",
    "asking": "Asking…",
}


def _matches(state: PanelState) -> str:
    estimate = state.estimate
    assert estimate is not None  # noqa: S101  # `status_text` asks only then
    bound = "at most " if estimate.rows.is_upper_bound else ""
    of = f" of {state.everybody:,}" if state.everybody is not None else ""
    return f"{bound}{estimate.rows:,}{of} customers match, {_source(state, estimate)}."


def _source(state: PanelState, estimate: EstimateLike) -> str:
    if estimate.age_s is None or state.is_fresh:
        return "asked just now"
    return f"from the cache, {duration(estimate.age_s)} old"


def _cost(state: PanelState) -> str:
    estimate = state.estimate
    if estimate is None:
        return ""
    what = "The list alone" if state.include else "Loading all"
    if estimate.calls == 0:
        return f"{what} costs no call."
    left = "" if estimate.calls_left is None else f" {estimate.calls_left:,} are left this hour."
    return f"{what} takes {plural(estimate.calls, 'call')}, about {max(1, round(estimate.seconds)):,} s.{left}"
