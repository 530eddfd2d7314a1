"""The thin shell of a read: asks for the pages of one list, keeps them together, and hands them on in order."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final, NoReturn, cast

from sc_pandas.cache import KeptRead, cache_key
from sc_pandas.client import Expectation, Page
from sc_pandas.contract import CUSTOMERS_PATH, Dialect
from sc_pandas.errors import FilterError, PagingDriftError, ResponseError, ServerError
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.crew import Crew
from sc_pandas.reading.dialect import Evidence, judge_first_page, judge_probe
from sc_pandas.reading.judge import (
    NOT_VERIFIED,
    ONE_RESPONSE,
    TWO_EQUAL_READS,
    WINDOWS,
    Judgement,
    PageSeen,
    judge_bookends,
    page_seen,
    satisfies,
)
from sc_pandas.reading.moving import MovingRead, UnprovenError
from sc_pandas.reading.options import Progress, ReadOptions, Source, Way
from sc_pandas.reading.plan import PagePlan, page_params
from sc_pandas.reading.ways import NEXT_WAY, WAYS, BeginAnewError, TornCacheError, offline_miss
from sc_pandas.reading.windows import Window

_A_DAY_S: Final = 86_400.0


class ListRead:
    """The read of one list: a question that fits in one request for each of its pages.

    Iterating `pages` gives the pages in order; `judgement` and `kept` are set when it is exhausted.
    """

    def __init__(
        self,
        source: Source,
        question: CustomerFilter,
        options: ReadOptions,
        progress: Progress,
        in_flight: int | None = None,
    ) -> None:
        self._source = source
        self._question = question
        self._options = options
        self._progress = progress
        self._in_flight = in_flight
        self._cache = source.cache if options.cache != "off" else None
        canonical = [("filter", question.to_json()), ("size", str(options.page_size))]
        self._query_key = cache_key(source.tenant, CUSTOMERS_PATH, canonical)
        # Page 1, where `total` asked for it.
        self._asked: tuple[Page, Dialect] | None = None
        self.kept: KeptRead | None = None
        self.age_s: float | None = None
        self.judgement = Judgement(NOT_VERIFIED)

    # ── the first page ─────────────────────────────────────────────────────────────────────────────────────────────
    def known(self) -> KeptRead | None:
        """Give the latest that the cache knows of this list, if it is fresh enough.

        Raises
        ------
        CacheMissError
            ``cache="offline"`` was asked and nothing usable is kept.
        """
        if self._cache is None or self._options.cache == "refresh":
            return None
        now = self._source.client.clock.now().timestamp()
        found = [self._cache.find_read(self._query_key, whole=whole) for whole in (True, False)]
        kept = sorted((each for each in found if each is not None and each.pages), key=lambda each: -each.started_at)
        if self._options.cache == "offline":
            # Whoever is offline takes the latest that can be given, and not the latest that was begun.
            kept.sort(key=self._covers, reverse=True)
        fresh = [each for each in kept if each.age_s(now) <= self._options.freshness_s]
        if not fresh and self._options.cache == "offline":
            raise offline_miss(min((each.age_s(now) for each in kept), default=None))
        return fresh[0] if fresh else None

    def newest(self) -> float | None:
        """When the latest known read of this list began, Unix seconds, whole or not; None where none is known."""
        if self._cache is None:
            return None
        reads = (self._cache.find_read(self._query_key, whole=whole) for whole in (True, False))
        return max((read.started_at for read in reads if read is not None), default=None)

    def total(self) -> int:
        """Give the number of customers, by one call or none."""
        kept = self.known()
        if kept is not None:
            self.kept = kept
            self.age_s = kept.age_s(self._source.client.clock.now().timestamp())
            self._progress.tally.count_saved()
            return kept.total
        self._asked = self._first_page()
        return self._asked[0].total

    def calls_to_read(self) -> int:
        """Calls that a read makes from here, once `total` is known; 0 where the cache has everything."""
        kept = self._kept()
        # What a refreshing read has counted is asked again by the next.
        is_kept = self._cache is not None and self._options.cache != "refresh"
        if is_kept and self._covers(kept):
            return 0
        return PagePlan(kept.total, kept.served, self._options.limit).calls(self._options.consistency) - is_kept

    def _first_page(self) -> tuple[Page, Dialect]:
        """Ask page 1 of a new read, in a dialect that the server understands."""
        dialects = self._source.dialects
        needs_swagger = self._question.needs_swagger() is not None
        if needs_swagger and dialects.fixed and dialects.known is Dialect.ARTICLE:
            raise self._not_understood([])
        spoken = Dialect.SWAGGER if needs_swagger else dialects.known or Dialect.ARTICLE
        tried: list[Dialect] = []
        while True:
            tried.append(spoken)
            page, evidence = self._try_first_page(spoken, last=spoken.other in tried)
            if evidence is Evidence.UNDERSTOOD:
                return page, spoken
            if dialects.fixed or needs_swagger or spoken.other in tried:
                raise self._not_understood(tried)
            spoken = spoken.other

    def _try_first_page(self, dialect: Dialect, *, last: bool) -> tuple[Page, Evidence]:
        dialects = self._source.dialects
        settled = dialects.fixed or dialects.known is dialect
        self._begin(dialect)
        try:
            page = self._get(1, None, dialect)
        except ServerError as error:
            if error.status != 400 or settled or last:
                raise
            return Page([], 0), Evidence.IGNORED
        evidence = judge_first_page(self._options.page_size, len(page.items), page.total)
        if evidence is Evidence.UNDERSTOOD:
            dialects.remember(dialect)
        elif evidence is Evidence.UNDECIDED:
            whole_list = not self._question and len(page.items) == page.total
            evidence = Evidence.UNDERSTOOD if whole_list or settled else self._probe(dialect)
        if evidence is Evidence.UNDERSTOOD:
            self._note_first(page)
        return page, evidence

    def _probe(self, dialect: Dialect) -> Evidence:
        everybody = page_params(CustomerFilter(), dialect, 1, 1)
        expectation = Expectation(number=1, asked=1)
        page = self._client_page(everybody, expectation, None)
        evidence = judge_probe(len(page.items), page.total)
        if evidence is Evidence.UNDERSTOOD:
            self._source.dialects.remember(dialect)
        elif evidence is Evidence.UNDECIDED:
            self._progress.notes.append("the server has too few customers to show whether it understood the filter")
            return Evidence.UNDERSTOOD
        return evidence

    def _not_understood(self, tried: list[Dialect]) -> FilterError | ResponseError:
        name = self._question.needs_swagger()
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
            f"The server ignores page size and number in the {names} dialect, so that it may ignore filters too. "
            f"Nothing is returned; {advice}.",
            kind="paging_ignored",
            attempts=len(tried),
        )

    def _begin(self, dialect: Dialect) -> None:
        now = self._source.client.clock.now().timestamp()
        self.kept = KeptRead(read_id=uuid.uuid4().hex, started_at=now, dialect=dialect.value, way=self._way)

    def _note_first(self, page: Page) -> None:
        kept = self._kept()
        served = len(page.items)
        whole = served >= page.total
        finished = self._source.client.clock.now().timestamp() if whole else None
        verdict = ONE_RESPONSE if whole else ""
        facts = replace(kept, total=page.total, served=served, pages=1, verdict=verdict, finished_at=finished)
        self._keep(replace(facts, whole=whole))

    # ── all pages ──────────────────────────────────────────────────────────────────────────────────────────────────
    def pages(self) -> Iterator[Page]:
        """Give the pages in order, at most as many as the limit needs.

        Raises
        ------
        TornCacheError
            A kept page is gone; what was given so far must be dropped.
        SellerCloudError
            One of its subclasses: a page could not be had, or the list could not be proven complete.
        """
        kept = self.known()
        if kept is not None and self._covers(kept):
            yield from self._warm_pages(kept)
            return
        if self._options.cache == "offline":
            raise offline_miss(None)
        kept = kept or self._stopped()
        if self._asked is not None:
            first, dialect = self._asked
        elif kept is not None and not kept.whole:
            self.kept = kept
            if kept.in_the_middle:
                # A read that was stopped in windows goes on in windows.
                self._progress.ways.setdefault(self._query_key, cast("Way", kept.way))
            dialect = Dialect(kept.dialect)
            first = self._get(1, kept.served, dialect)
        else:
            first, dialect = self._first_page()
        if self._way == "pages" or first.total <= len(first.items):
            yield from self._cold_pages(first, dialect)
        else:
            yield from self._moving_pages(first, dialect)

    def _stopped(self) -> KeptRead | None:
        """Give the read that was stopped in the middle within a day, to go on with, unless `max_age` forbids."""
        if self._cache is None or self._options.cache != "use" or self._options.max_age_s is not None:
            return None
        kept = self._cache.find_read(self._query_key, whole=False)
        now = self._source.client.clock.now().timestamp()
        return kept if kept is not None and kept.in_the_middle and kept.age_s(now) <= _A_DAY_S else None

    @property
    def _way(self) -> Way:
        if self._options.consistency == "fast" or self._options.limit is not None:
            return "pages"
        return self._progress.ways.get(self._query_key, "windows" if self._options.consistency == "strict" else "pages")

    def _try_next_way(self, judgement: Judgement) -> NoReturn:
        """Begin anew in the next way of reading, or give up."""
        self.forget()
        following_way = NEXT_WAY.get(self._way)
        if following_way is None or self._options.limit is not None:
            raise judgement.error()
        note = f"{WAYS[self._way]} proved nothing ({judgement.says}); {WAYS[following_way]} were tried"
        self._progress.notes.append(note)
        self._progress.ways[self._query_key] = following_way
        raise BeginAnewError

    def _moving_pages(self, first: Page, dialect: Dialect) -> Iterator[Page]:
        """Give the pages of a list that moves: by windows of creation dates, or by two equal passes."""
        served, way = len(first.items), self._way
        kept = replace(self._kept(), in_the_middle=True)
        self._keep(kept)
        began = datetime.fromtimestamp(kept.started_at, UTC).replace(tzinfo=None, second=0, microsecond=0)
        failure: UnprovenError | None = None
        leaves: list[tuple[str | None, str | None]] = []
        with self._source.crew(self._progress.cancel, self._in_flight) as crew:
            moving = MovingRead(
                question=self._question,
                served=served,
                ask=lambda question, number: self._ask(question, number, served, dialect),
                ask_window=lambda window: self._ask(window.of(self._question), 1, served, dialect, kept=True),
                crew=crew,
                advance=self._progress.advance,
            )
            try:
                if way == "windows":
                    narrowest = timedelta(seconds=1) if dialect is Dialect.SWAGGER else timedelta(minutes=1)
                    for window, page in moving.windows(began, narrowest):
                        leaves.append(window.to_json())
                        yield page
                else:
                    yield from moving.twice()
            except UnprovenError as error:
                failure = error
        if failure is not None:
            self._try_next_way(failure.judgement)
        self.judgement = Judgement(WINDOWS if way == "windows" else TWO_EQUAL_READS, expected=first.total)
        if way == "windows" and not moving.unsplittable:
            finished = self._source.client.clock.now().timestamp()
            facts = replace(kept, verdict=self.judgement.verdict, finished_at=finished, pages=len(leaves))
            self._keep(replace(facts, leaves=leaves, in_the_middle=False, whole=True))

    def _ask(self, question: CustomerFilter, number: int, served: int, dialect: Dialect, *, kept: bool = False) -> Page:
        params = page_params(question, dialect, number, self._options.page_size)
        expectation = Expectation(number=number, asked=self._options.page_size, served=served)
        return self._client_page(params, expectation, self._page_key(self._kept(), params) if kept else None)

    def _covers(self, kept: KeptRead) -> bool:
        """Say whether a kept read answers this one: finished, proven unless that was not asked, and long enough."""
        plan = PagePlan(kept.total, kept.served, self._options.limit)
        if kept.leaves:
            return self._options.limit is None
        if plan.one_response:
            return True
        enough = kept.finished_at is not None and kept.pages >= plan.last
        # The first rows of a list are its pages, however strict one is.
        consistency = self._options.consistency if self._options.limit is None else "auto"
        return enough and satisfies(kept.verdict, consistency)

    def _warm_pages(self, kept: KeptRead) -> Iterator[Page]:
        self.kept = kept
        plan = PagePlan(kept.total, kept.served, self._options.limit)
        windows = [Window.from_json(each) for each in kept.leaves]
        places = [(window.of(self._question), 1) for window in windows]
        for question, number in places or [(self._question, n) for n in range(1, plan.last + 1)]:
            page = self._kept_page(kept, question, number)
            if page is None:
                self.forget()
                if self._options.cache == "offline":
                    raise offline_miss(None)
                raise TornCacheError
            self._progress.tally.count_saved()
            yield page
        self.judgement = Judgement(ONE_RESPONSE if plan.one_response else kept.verdict, expected=plan.rows)

    def _kept_page(self, kept: KeptRead, question: CustomerFilter, number: int) -> Page | None:
        assert self._cache is not None  # noqa: S101  # only a cache gives a kept read
        params = page_params(question, Dialect(kept.dialect), number, self._options.page_size)
        return self._source.client.kept_page(self._cache, self._page_key(kept, params))

    def _cold_pages(self, first: Page, dialect: Dialect) -> Iterator[Page]:
        plan = PagePlan(first.total, len(first.items), self._options.limit)
        if first.total and not first.items:
            raise Judgement(NOT_VERIFIED, "row_count", "page 1 is empty although customers are announced").error()
        self._progress.check_calls(plan.calls("fast" if self._options.consistency == "fast" else "auto") - 1)
        self._progress.expect(plan.last)
        seen = [page_seen(1, first.items, first.total)]
        self._progress.advance()
        yield first
        if plan.one_response:
            self.judgement = Judgement(ONE_RESPONSE, expected=plan.rows, got=plan.rows)
            return
        self._keep(replace(self._kept(), in_the_middle=True))
        with self._source.crew(self._progress.cancel, self._in_flight) as crew:
            # The last page comes before those between, so that both bookends span all of them: asked after them, it
            # would not show a merge and a new customer that moved rows between pages already read and yet to be read.
            last = self._get(plan.last, plan.served, dialect)
            between = crew.in_order(range(2, plan.last), lambda n: self._get(n, plan.served, dialect))
            repeated: int | None = None
            for number, page in chain(between, ((plan.last, last),)):
                seen.append(page_seen(number, page.items, page.total))
                if seen[-1].ids == seen[0].ids and any(each is not None for each in seen[0].ids):
                    repeated = number
                    break
                self._progress.advance()
                yield page
            else:
                self._judge(plan, seen, crew, dialect)
        if repeated is not None:
            self._other_dialect(repeated, dialect)
        if not self.judgement.is_proven and self._options.consistency != "fast":
            self._try_next_way(self.judgement)
        finished = self._source.client.clock.now().timestamp()
        facts = replace(self._kept(), pages=plan.last, verdict=self.judgement.verdict, finished_at=finished)
        self._keep(replace(facts, in_the_middle=False, whole=self.judgement.is_proven and plan.rows == plan.total))

    def _other_dialect(self, number: int, dialect: Dialect) -> NoReturn:
        """Begin anew in the other dialect, once: an ignored page number is a sign that this one is not understood."""
        self.forget()
        dialects, switched = self._source.dialects, self._progress.switched
        if not dialects.fixed and self._question.needs_swagger() is None and self._query_key not in switched:
            switched.add(self._query_key)
            dialects.remember(dialect.other)
            raise BeginAnewError
        raise PagingDriftError(
            f"The server answered page {number} with the rows of page 1: it ignores the page number. Nothing is "
            "returned.",
            reason="page_repeated",
        )

    def _judge(self, plan: PagePlan, seen: list[PageSeen], crew: Crew, dialect: Dialect) -> None:
        if self._options.consistency == "fast":
            self.judgement = Judgement(NOT_VERIFIED, expected=plan.rows, got=sum(len(p.ids) for p in seen))
        else:
            numbers = (1, plan.last)
            again = [
                page_seen(number, page.items, page.total)
                for number, page in crew.in_order(numbers, lambda n: self._get(n, plan.served, dialect, kept=False))
            ]
            self.judgement = judge_bookends(plan, seen, again)

    # ── one page ───────────────────────────────────────────────────────────────────────────────────────────────────
    def single_page(self, number: int) -> Page:
        """Give one page as the endpoint's article describes it; it is asked of the server, never of the cache."""
        if self._options.cache == "offline":
            raise offline_miss(None)
        dialect = self._source.dialects.known
        if number == 1:
            page, _ = self._first_page()
            return page
        if dialect is None or (dialect is Dialect.ARTICLE and self._question.needs_swagger() is not None):
            _, dialect = self._first_page()
        self._begin(dialect)
        return self._get(number, None, dialect, kept=False)

    def _get(self, number: int, served: int | None, dialect: Dialect, *, kept: bool = True) -> Page:
        params = page_params(self._question, dialect, number, self._options.page_size)
        expectation = Expectation(number=number, asked=self._options.page_size, served=served)
        return self._client_page(params, expectation, self._page_key(self._kept(), params) if kept else None)

    def _client_page(self, params: list[tuple[str, str]], expectation: Expectation, key: str | None) -> Page:
        return self._source.client.get_page(
            CUSTOMERS_PATH,
            params,
            expectation,
            tally=self._progress.tally,
            key=key if self._cache is not None else None,
            cancel=self._progress.cancel,
        )

    def _page_key(self, kept: KeptRead, params: list[tuple[str, str]]) -> str:
        return kept.page_key(self._source.tenant, CUSTOMERS_PATH, params)

    def _kept(self) -> KeptRead:
        assert self.kept is not None  # noqa: S101  # every read begins with `_begin` or with a kept one
        return self.kept

    def _keep(self, kept: KeptRead) -> None:
        self.kept = kept
        if self._cache is not None:
            self._cache.keep_read(self._query_key, kept)

    def forget(self) -> None:
        """Make the next read begin anew."""
        if self._cache is not None:
            self._cache.forget_reads(self._query_key)
