"""The pages of one list: asked in a dialect that the server understands, and kept under the read that asked them."""

import uuid
from collections.abc import Sequence
from dataclasses import replace

from sc_pandas.client import Expectation, Page
from sc_pandas.contract import CUSTOMERS_PATH, Dialect, PageRows
from sc_pandas.errors import FilterError, PagingDriftError, ResponseError, ServerError
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.dialect import Evidence, judge_first_page, judge_probe
from sc_pandas.reading.judge import NOT_VERIFIED, ONE_RESPONSE, Judgement
from sc_pandas.reading.moving import Place
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.order import sorting_of
from sc_pandas.reading.plan import PagePlan, page_params
from sc_pandas.reading.records import ListKey, ReadRecord, keep_records
from sc_pandas.reading.windows import Window


class ListPages:
    """One list, page by page, and what is known of a read of it; `found` is what the cache knows of it."""

    def __init__(
        self,
        source: Source,
        key: ListKey,
        options: ReadOptions,
        progress: Progress,
        in_flight: int | None = None,
        found: Sequence[ReadRecord] = (),
    ) -> None:
        self._source = source
        self.key = key
        self.question = key.filter
        self.options = options
        self.progress = progress
        self._in_flight = in_flight
        self._cache = source.cache if options.cache != "off" else None
        self._found = found
        # Page 1, if `total` asked for it.
        self._asked: Page | None = None
        self._calls = 0
        self._has_gone_on = False
        # Keys of the pages that this read has asked; where it has not gone on, no others are in the cache.
        self._came: set[str | None] = set()
        # Ages that answers said of themselves; a list, because several threads note them.
        self._ages_s: list[float] = []
        self._stale = ""
        self._fresh = uuid.uuid4().hex
        self.kept: ReadRecord | None = None
        # What of it the cache remembers.
        self.noted: ReadRecord | None = None
        self.age_s: float | None = None
        self.judgement = Judgement(NOT_VERIFIED)

    def _first_page(self) -> Page:
        """Ask page 1 of a new read, in a dialect that the server understands."""
        dialects, known = self._source.dialects, self._source.dialects.known
        needs_swagger = self.question.needs_swagger() is not None
        if needs_swagger and dialects.fixed and known is Dialect.ARTICLE:
            raise self._not_understood([])
        spoken = Dialect.SWAGGER if needs_swagger else known or Dialect.ARTICLE
        tried = [spoken] if dialects.fixed or needs_swagger else [spoken, spoken.other]
        for dialect in tried:
            settled = dialects.fixed or known is dialect
            page, evidence = self._try_first_page(dialect, settled=settled, last=dialect is not spoken)
            if evidence is Evidence.UNDERSTOOD:
                return page
        raise self._not_understood(tried)

    def _try_first_page(self, dialect: Dialect, *, settled: bool, last: bool) -> tuple[Page, Evidence]:
        dialects = self._source.dialects
        self._begin(dialect)
        try:
            page = self._get(1, *self._asked_of(Place(Window())))
        except (ServerError, ResponseError) as error:
            # A refusal, or customers who were not asked for by their ids, may be the dialect's fault.
            is_misunderstood = getattr(error, "status", 0) == 400 or getattr(error, "kind", "") == "not_asked"
            if not is_misunderstood or settled or last:
                raise
            return Page(PageRows(), 0), Evidence.IGNORED
        evidence = judge_first_page(self.options.page_size, len(page.items), page.total)
        if evidence is Evidence.UNDERSTOOD:
            dialects.remember(dialect)
        elif evidence is Evidence.UNDECIDED:
            whole_list = not self.question and len(page.items) == page.total
            evidence = Evidence.UNDERSTOOD if whole_list or settled else self._probe(dialect)
        if evidence is Evidence.UNDERSTOOD:
            self._note_first(page)
        return page, evidence

    def _probe(self, dialect: Dialect) -> Evidence:
        page = self._source.client.get_page(
            CUSTOMERS_PATH,
            page_params(CustomerFilter(), dialect, 1, 1),
            Expectation(number=1, asked=1),
            tally=self.progress.tally,
            cancel=self.progress.cancel,
        )
        evidence = judge_probe(len(page.items), page.total)
        if evidence is Evidence.UNDERSTOOD:
            self._source.dialects.remember(dialect)
        elif evidence is Evidence.UNDECIDED:
            self.progress.notes.append("the server has too few customers to show whether it understood the filter")
            return Evidence.UNDERSTOOD
        return evidence

    def _not_understood(self, tried: list[Dialect]) -> FilterError | ResponseError:
        name = self.question.needs_swagger()
        if name is not None:
            return FilterError(
                f"{name} cannot be asked of this server: only the swagger dialect can say it, and "
                f"{'this connection speaks the other one' if not tried else 'the server does not understand that'}.",
                filter=name,
            )
        names = " and ".join(dialect.value for dialect in tried)
        advice = (
            'connect with dialect="auto"' if self._source.dialects.fixed else "check the server with `sc-pandas count`"
        )
        return ResponseError(
            f"The server ignores page size and number in the {names} dialect, so it may ignore filters too. "
            f"Nothing is returned; {advice}.",
            kind="paging_ignored",
            attempts=len(tried),
        )

    def _begin(self, dialect: Dialect) -> None:
        now = self._source.client.clock.now().timestamp()
        self.kept = ReadRecord(read_id=uuid.uuid4().hex, started_at=now, dialect=dialect.value)

    def _note_first(self, page: Page, *, is_all: bool = False) -> None:
        served = len(page.items)
        whole = not page.age_s and (is_all or (served >= page.total and not self._plan(page).needs_second))
        finished = self._source.client.clock.now().timestamp() if whole else None
        verdict = ONE_RESPONSE if whole else ""
        facts = replace(self._kept(), total=page.total, served=served, pages=1, verdict=verdict, finished_at=finished)
        self.kept = replace(facts, phase="whole" if whole else "counted")

    def _speak_the_other(self) -> bool:
        """Take the other dialect, if it may be spoken: an ignored page number says that this one is not understood."""
        self.forget()
        dialects = self._source.dialects
        if dialects.fixed or self.question.needs_swagger() is not None:
            raise PagingDriftError(
                "The server answered a later page with the rows of page 1: it ignores the page number. Nothing is "
                "returned.",
                reason="page_repeated",
            )
        dialects.remember(self.dialect.other)
        return True

    @property
    def dialect(self) -> Dialect:
        """The dialect of this read."""
        return Dialect(self._kept().dialect)

    def _asked_of(self, place: Place) -> tuple[list[tuple[str, str]], str]:
        """Return the parameters of a page, and its key in the cache."""
        question, kept = place.window.of(self.question), self._kept()
        params = page_params(question, Dialect(kept.dialect), place.number, self.options.page_size)
        look = [("look", place.look)] if place.look else []
        return params, kept.page_key(self._source.tenant, CUSTOMERS_PATH, [*params, *look])

    def _get(self, number: int, params: list[tuple[str, str]], key: str | None, served: int | None = None) -> Page:
        page = self._source.client.get_page(
            CUSTOMERS_PATH,
            params,
            Expectation(number=number, asked=self.options.page_size, served=served),
            tally=self.progress.tally,
            key=key if self._cache is not None else None,
            is_new=not self._has_gone_on and key not in self._came,
            cancel=self.progress.cancel,
        )
        self._came.add(key)
        self.progress.show_life()
        self._calls += not page.from_cache
        if page.age_s:
            self._ages_s.append(page.age_s)
        self.progress.notes += page.notes
        return page

    @property
    def may_join(self) -> bool:
        """True if customers can come to match by a change: whether anything but creation dates is asked."""
        return bool(self.question.given().keys() - {"created_on_from", "created_on_to"})

    def _plan(self, first: Page) -> PagePlan:
        served, sorting = len(first.items) or self._kept().served, sorting_of(first.items.ids)
        return PagePlan(first.total, served, self.options.limit, self.options.page_size, sorting, self.may_join)

    def _kept(self) -> ReadRecord:
        assert self.kept is not None  # noqa: S101  # every read begins with `_begin` or with a kept one
        return self.kept

    def _keep(self, kept: ReadRecord) -> None:
        self.kept = kept
        if self._cache is not None and not self.progress.tally.unkept and kept != self.noted:
            self.noted = kept
            keep_records(self._cache, {self.key: kept})

    def forget(self) -> None:
        """Make the next read begin anew."""
        self._found, self.noted = [], None
        if self._cache is not None:
            self._cache.keep_notes({}, forget=self.key.slots)
