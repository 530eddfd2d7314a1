"""What the panel knows, and how each event changes it: values and pure functions, without a widget or a thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

import pandas as pd

from sc_pandas.filters import CustomerFilter
from sc_pandas.panel.protocols import EstimateLike

Phase = Literal["asking", "ready", "dear", "loading", "failed", "wrong", "closed"]
# A count that needs more calls than this is asked with the Apply button instead of live.
LIVE_AT_MOST_CALLS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelState:
    """One moment of the panel.

    `generation` numbers the questions; an event of an older one changes nothing.  `rows` are the rows on show: of
    the page that was asked, or of everything once `loaded`; `rows_are_old` says that they answer an earlier question.
    """

    generation: int = 0
    phase: Phase = "asking"
    question: CustomerFilter = field(default_factory=CustomerFilter)
    wrong: Mapping[str, str] = field(default_factory=dict)
    estimate: EstimateLike | None = None
    everybody: int | None = None
    rows: pd.DataFrame | None = None
    rows_of: CustomerFilter | None = None
    rows_at: datetime | None = None
    loaded: bool = False
    message: str = ""
    pages_done: int = 0
    pages_expected: int = 0
    waiting_until: datetime | None = None

    @property
    def rows_are_old(self) -> bool:
        """Whether the rows on show answer another question than the controls ask."""
        return self.rows is not None and (self.rows_of != self.question or self.phase == "failed")

    @property
    def is_busy(self) -> bool:
        """Whether an answer is on its way."""
        return self.phase in {"asking", "loading"}


def asked(state: PanelState, generation: int, question: CustomerFilter, *, loading: bool = False) -> PanelState:
    """A question was sent."""
    return replace(
        state,
        generation=generation,
        phase="loading" if loading else "asking",
        question=question,
        wrong={},
        message="",
        pages_done=0,
        pages_expected=0,
        waiting_until=None,
        estimate=state.estimate if question == state.question else None,
    )


def refused(state: PanelState, generation: int, wrong: Mapping[str, str]) -> PanelState:
    """The controls do not make a question; nothing is asked."""
    return replace(state, generation=generation, phase="wrong", wrong=wrong, message="", waiting_until=None)


def held(state: PanelState, generation: int, question: CustomerFilter, reads: int) -> PanelState:
    """Counting alone would take many calls; it waits for Apply."""
    message = f"Counting this takes {reads:,} calls. Press Apply to ask."
    return replace(
        state, generation=generation, phase="dear", question=question, wrong={}, estimate=None, message=message
    )


def counted(
    state: PanelState, generation: int, estimate: EstimateLike, everybody: int | None, rows: pd.DataFrame, at: datetime
) -> PanelState:
    """The count and the first rows came."""
    if generation != state.generation:
        return state
    return replace(
        state,
        phase="ready",
        estimate=estimate,
        everybody=everybody if everybody is not None else state.everybody,
        rows=rows,
        rows_of=state.question,
        rows_at=at,
        loaded=False,
        message="",
        waiting_until=None,
    )


def loaded(state: PanelState, generation: int, rows: pd.DataFrame, at: datetime, message: str) -> PanelState:
    """All rows came."""
    if generation != state.generation:
        return state
    return replace(
        state,
        phase="ready",
        rows=rows,
        rows_of=state.question,
        rows_at=at,
        loaded=True,
        message=message,
        waiting_until=None,
    )


def paged(state: PanelState, generation: int, rows: pd.DataFrame, at: datetime) -> PanelState:
    """Another page of the list came."""
    if generation != state.generation:
        return state
    return replace(state, phase="ready", rows=rows, rows_of=state.question, rows_at=at, message="", waiting_until=None)


def saved(state: PanelState, generation: int, message: str) -> PanelState:
    """A file was written, or counts were made; the rows on show are as they were."""
    if generation != state.generation:
        return state
    return replace(state, phase="ready", message=message, waiting_until=None)


def failed(state: PanelState, generation: int, message: str) -> PanelState:
    """The question failed; the last good rows stay, marked as old."""
    if generation != state.generation:
        return state
    return replace(state, phase="failed", message=message, waiting_until=None)


def stopped(state: PanelState, generation: int) -> PanelState:
    """The load was cancelled."""
    if generation != state.generation:
        return state
    return replace(
        state, phase="ready", message="Stopped. Finished pages are kept for the next time.", waiting_until=None
    )


def progressed(state: PanelState, generation: int, *, done: int, expected: int) -> PanelState:
    """Pages came."""
    if generation != state.generation:
        return state
    return replace(state, pages_done=done, pages_expected=expected, waiting_until=None)


def throttled(state: PanelState, generation: int, until: datetime) -> PanelState:
    """The quota is used up until a time."""
    return replace(state, waiting_until=until) if generation == state.generation else state


def error_text(error: BaseException) -> str:
    """Say a failure as a heading and advice; errors of sc_pandas teach, others are named."""
    name = type(error).__name__
    return f"{name}: {error}" if str(error) else name


def age_text(at: datetime | None, now: datetime | None = None) -> str:
    """Say how old an answer is."""
    if at is None:
        return ""
    seconds = ((now or datetime.now(UTC)) - at).total_seconds()
    if seconds < 60:
        return "just now"
    return f"{seconds / 60:.0f} min ago" if seconds < 7_200 else f"{seconds / 3_600:.0f} h ago"


def status_text(state: PanelState) -> str:
    """Say in words what the panel shows: the line that people and screen readers read."""
    if state.waiting_until is not None:
        return f"SellerCloud's quota is used up; going on at {state.waiting_until:%H:%M:%S} UTC."
    if state.phase == "loading":
        of = f" of {state.pages_expected:,}" if state.pages_expected else ""
        return f"Loading: {state.pages_done:,}{of} pages."
    if state.phase in _SENTENCES:
        return _SENTENCES[state.phase]
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
    return f"{bound}{estimate.rows:,}{of} customers match, {_source(estimate)}."


def _source(estimate: EstimateLike) -> str:
    if estimate.age_s is None:
        return "asked just now"
    if estimate.age_s < 60:
        return f"from the cache, {estimate.age_s:.0f} s old"
    return f"from the cache, {estimate.age_s / 60:.0f} min old"


def _cost(state: PanelState) -> str:
    estimate = state.estimate
    if state.loaded or estimate is None:
        return ""
    if estimate.calls == 0:
        return "Loading all costs no call."
    return f"Loading all takes {estimate.calls:,} calls, about {max(1, round(estimate.seconds)):,} s."
