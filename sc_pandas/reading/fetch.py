"""The thin shell of a read: knows what is kept of one list, and reads it.

How a list is read to its end is in `ways`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sc_pandas.client import Expectation, Page
from sc_pandas.contract import SERVED_AT_MOST, Dialect, Ids, PageRows
from sc_pandas.errors import CacheMissError, FilterError
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.crew import Crew
from sc_pandas.reading.judge import NOT_VERIFIED, ONE_RESPONSE, PASSES, Judgement, satisfies
from sc_pandas.reading.moving import Place
from sc_pandas.reading.order import Ask
from sc_pandas.reading.pages import ListPages
from sc_pandas.reading.plan import PagePlan, page_params
from sc_pandas.reading.records import ReadRecord, find_records
from sc_pandas.reading.ways import Came, Rows, Without, first_rows, ways_for
from sc_pandas.reading.windows import WESTERNMOST, Window

_A_DAY_S: Final = 86_400.0
# Lists that were begun so shortly after each other are of one age.
_A_MOMENT_S: Final = 1.0
# Without the server's clock, ours may be as wrong as that.
_OWN_CLOCK: Final = timedelta(days=1)


class ListRead(ListPages):
    """The read of one list: a question that fits in one request for each of its pages.

    `judgement` and `kept` are set when it has been read.
    """

    def known(self) -> ReadRecord | None:
        """Return the latest that the cache knows of this list, if it is fresh enough."""
        if self._cache is None or self.options.cache == "refresh":
            return None
        now = self._source.client.clock.now().timestamp()
        # Earlier editions kept reads whose total was smaller than their first page.
        usable = (each for each in self._found if each.pages and each.served <= each.total)
        kept = sorted(usable, key=lambda each: -each.started_at)
        if self.options.cache == "offline":
            # Whoever is offline takes the latest that can be given, and not the latest that was begun.
            kept.sort(key=self._covers, reverse=True)
        fresh = [each for each in kept if each.age_s(now) <= self.options.freshness_s()]
        if not fresh and self.options.cache == "offline":
            raise offline_miss(min((each.age_s(now) for each in kept), default=None))
        return fresh[0] if fresh else None

    def total(self) -> int:
        """Return the number of customers, by one call or none; whoever asks has `kept` remembered."""
        if self.kept is None:
            kept = self.known()
            if kept is None:
                self._asked = self._first_page()
            else:
                self.kept = self.noted = kept
                self.age_s = kept.age_s(self._source.client.clock.now().timestamp())
                self.progress.tally.count_saved()
        return self._kept().total

    def total_within(self) -> int:
        """Return the number of customers up to the very end of the range, see `CustomerFilter.beyond`."""
        return self.total() - len(self._beyond() and self._beyond(narrowed=True))

    def ids(self) -> Ids:
        """Read the ids of the list, whose total may be known already."""
        came = Came()
        self.read(came)
        return came.taken()

    def _beyond(self, *, narrowed: bool = False) -> frozenset[int]:
        """Return the ids of those who stand just beyond the end of the range; `narrowed` to who is on this list."""
        left_out: set[int] = set()
        for everybody, question in self.question.beyond():
            told = self.progress.beyond
            if everybody not in told:
                one = self._other(everybody)
                few = one.total() <= SERVED_AT_MOST
                one.remember()
                told[everybody] = one.ids_beyond() if few else None
            ids = told[everybody]
            if ids is None or (ids and narrowed and everybody != question):
                ids = self._other(question).ids_beyond()
            left_out |= ids
        return frozenset(left_out)

    def ids_beyond(self) -> frozenset[int]:
        """Read the ids of those who stand just beyond the end of another list."""
        ids = frozenset(self.ids().tolist())
        if not self.judgement.is_proven or len(ids) < self._kept().total:
            self.note_stale("nothing proves who was created or changed just after the end of the range")
        return ids

    def remember(self) -> None:
        """Note in the cache what is known of the list."""
        self._keep(self._kept())

    def _other(self, question: CustomerFilter) -> "ListRead":
        """Return another list, as young as this one unless its range is long past."""
        now, fresh_s = self._source.client.clock.now(), self.options.freshness_s()
        end = next(v for v in question.given().values() if isinstance(v, datetime)).replace(tzinfo=UTC)
        if (now - end - WESTERNMOST).total_seconds() <= fresh_s:
            fresh_s = min(fresh_s, self._kept().age_s(now.timestamp()) + _A_MOMENT_S)
        options, key = replace(self.options, limit=None, max_age=fresh_s), replace(self.key, filter=question)
        found = find_records(self._cache if options.cache != "refresh" else None, [key])
        return ListRead(self._source, key, options, self.progress, self._in_flight, found[key])

    def _within(self, rows: Rows) -> Rows:
        """Return what takes the rows and leaves out who is beyond the range; a limit does not count those."""
        if not (beyond := self._beyond()):
            return rows
        if self.options.limit is not None:
            self.options = replace(self.options, limit=self.options.limit + len(beyond))
        return Without(rows, beyond)

    def calls_to_read(self, *, at_most: bool = False) -> int:
        """Return the calls of a read from here, once `total` is known; `at_most` while customers come and go."""
        kept = self._kept()
        # What a refreshing read has counted is asked again by the next.
        is_kept = self._cache is not None and self.options.cache != "refresh"
        if is_kept and self._covers(kept):
            return 0
        is_kept = is_kept and self._goes_on(kept)
        plan = self._plan(self._asked or Page(PageRows(), kept.total))
        consistency = self.options.consistency
        return (plan.calls_at_most(consistency) if at_most else plan.calls(consistency)) - is_kept

    def read(self, rows: Rows) -> None:
        """Read all rows, at most as many pages of them as the limit needs, and judge them."""
        kept = self.known() if self._asked is None else None
        if kept is not None and self._covers(kept):
            if self._warm(kept, rows):
                return
            kept = None
        if self.options.cache == "offline":
            raise offline_miss(None)
        first = self._asked
        kept = kept or self._stopped() if first is None else None
        if kept is not None and self._goes_on(kept):
            self.kept, self._has_gone_on = kept, True
            first = self.ask(Ask(1))
        judgement = self._by_ways(first or self._first_page(), rows)
        if judgement.reason == "page_repeated" and self._speak_the_other():
            self.judgement = judgement = self._by_ways(self._first_page(), rows)
        if judgement.reason:
            self.forget()
            raise judgement.error()
        self.judgement = self._if_fresh(judgement)

    def _goes_on(self, kept: ReadRecord) -> bool:
        """Return whether this read may go on with the pages of another.

        Pages that were asked in another order, or for another number of rows, would stand beside later ones as if they
        had been asked just before them.
        """
        if kept.phase != "reading":
            return kept.phase == "counted"
        if self.options.limit is None and self.options.consistency != "fast":
            return kept.way in {"order", "closed", "windows", "twice"}
        return kept.way == f"first {PagePlan(kept.total, kept.served, self.options.limit).last}"

    def _stopped(self) -> ReadRecord | None:
        """Return the read that was stopped in the middle within a day, to go on with, unless `max_age` forbids."""
        if self._cache is None or self.options.cache != "use" or self.options.max_age is not None:
            return None
        now, stopped = self._source.client.clock.now, (each for each in self._found if each.phase == "reading")
        return next((each for each in stopped if each.age_s(now().timestamp()) <= _A_DAY_S), None)

    def _by_ways(self, first: Page, rows: Rows) -> Judgement:
        """Read in one way after another until one proves the list."""
        rows = self._within(rows)
        fast = self.options.consistency == "fast"
        self._check(self._plan(first))
        was_one = self._plan(first).one_response
        first = self._confirmed(first)
        plan = self._plan(first)
        if first.total and not first.items:
            return Judgement(NOT_VERIFIED, "row_count", "page 1 is empty although customers are announced")
        if was_one and not plan.one_response:
            self._check(plan)
        self.progress.expect(plan.last, plan.rows)
        self.progress.advance()
        if plan.one_response:
            self._keep(self._kept())
            rows.add(first.items)
            verdict = NOT_VERIFIED if plan.needs_second and fast else ONE_RESPONSE
            return Judgement(verdict, expected=plan.rows, got=plan.rows)
        mark = rows.mark()
        if self.options.limit is not None or fast:
            self._keep(replace(self._kept(), phase="reading", way=f"first {plan.last}"))
            judgement = first_rows(self, first, rows)
        else:
            judgement = self._by_one_way(first, rows, mark)
        if judgement.reason:
            rows.rollback(mark)
        return judgement

    def _check(self, plan: PagePlan) -> None:
        """Refuse what takes too many calls; page 1 is remembered, so another try does not ask it again."""
        # How many windows a strict read takes shows only while it is read.
        consistency = "auto" if self.may_join and self.options.consistency == "strict" else self.options.consistency
        try:
            self.progress.tally.check(plan.calls(consistency) - 1, plan.calls_at_most(consistency) - 1)
        except FilterError:
            self._keep(self._kept())
            raise

    def _by_one_way(self, first: Page, rows: Rows, mark: object) -> Judgement:
        ways = ways_for(self.options.consistency, may_join=self.may_join)
        names: list[str] = [way.name for way in ways]
        # A read that was stopped goes on in its way.
        ways = ways[names.index(self._kept().way) if self._kept().way in names else 0 :]
        while True:
            way = ways.pop(0)
            self._keep(replace(self._kept(), phase="reading", way=way.name))
            judgement = way.read(self, first, rows)
            if judgement.reason == "undated":
                ways = [each for each in ways if each.name != "windows"]
            if judgement.is_proven or judgement.reason == "page_repeated" or not ways:
                break
            rows.rollback(mark)
            self.progress.notes.append(f"{way.says} proved nothing ({judgement.says}); then came {ways[0].says}")
        if judgement.is_proven and self._kept().phase == "reading":
            # It has ended, and its pages alone cannot give it again.
            self.forget()
        return judgement

    def _confirmed(self, first: Page) -> Page:
        """Ask page 2 if page 1 is just as full as servers fill one; and page 1 again if the total moved."""
        for _try in range(PASSES):
            if not self._plan(first).needs_second or self.options.consistency == "fast":
                return first
            second = self.ask(Ask(2))
            if second.total == first.total:
                if second.items:
                    self.forget()
                    says = f"{first.total:,} customers were announced and page 2 has more"
                    raise Judgement(NOT_VERIFIED, "row_count", says, expected=first.total).error()
                self._note_first(first, is_all=True)
                return first
            first = self._first_page()
        if self._plan(first).needs_second:
            self.forget()
            says = "pages 1 and 2 announced different numbers of customers again and again"
            raise Judgement(NOT_VERIFIED, "total_moved", says, expected=first.total).error()
        return first

    def _if_fresh(self, judgement: Judgement) -> Judgement:
        """Call nothing proven that a cache on the way, or a copy that lags behind, has answered."""
        if self._ages_s:
            oldest = f"{max(self._ages_s):,.0f} s"
            self.note_stale(f"answers came from a cache on the way, up to {oldest} old: nothing is proven by them")
        if not self._stale or not judgement.is_proven:
            return judgement
        self.forget()
        stale = replace(judgement, verdict=NOT_VERIFIED, reason="stale", says=self._stale)
        if self.options.consistency == "strict":
            raise stale.error()
        return stale

    def note_stale(self, says: str) -> None:
        """Note in the report that an answer was old."""
        self._stale = says
        self.progress.notes.append(says)

    def crew(self) -> Crew:
        """Return who asks several pages at once."""
        return self._source.crew(self.progress.cancel, self._in_flight)

    def past(self, first: Page) -> datetime:
        """Return the latest moment that is past in whatever zone, by the server's clock, UTC without zone."""
        kept = self._kept()
        if kept.past is None:
            at = first.date or self._source.client.clock.now() - _OWN_CLOCK
            kept = replace(kept, past=(min(at, self._source.client.clock.now()) - WESTERNMOST).timestamp())
            self._keep(kept)
        return datetime.fromtimestamp(kept.past or 0.0, UTC).replace(tzinfo=None)

    def place_of(self, ask: Ask) -> Place:
        """Return where a page is cached; a fresh look is this read's alone."""
        return Place(Window(), ask.number, f"{ask.look} {self._fresh}" if ask.fresh else ask.look)

    def ask(self, ask: Ask) -> Page:
        """Ask a page of the list; a live one is asked of the server, whatever is kept."""
        place = self.place_of(ask)
        if ask.live and self._has_gone_on and self._cache is not None:
            self._cache.drop_page(self._asked_of(place)[1])
        return self.ask_place(place)

    def ask_place(self, place: Place) -> Page:
        """Ask a page of a window, or take it as it is kept."""
        return self._get(place.number, *self._asked_of(place), self._kept().served)

    def ask_of(self, question: CustomerFilter, number: int) -> Page:
        """Ask a page of any question, of the server and not of the cache."""
        params = page_params(question, self.dialect, number, self.options.page_size)
        return self._get(number, params, None, self._kept().served)

    def note_moved(self, joined: int, left: int) -> None:
        """Note what moved while the list was read, and what it cost."""
        if joined or left:
            self.progress.notes.append(
                f"{joined:,} joined and {left:,} left while the list was read, which took {self._calls:,} calls for "
                f"{self._plan(Page(PageRows(), self._kept().total)).last:,} pages"
            )

    def finish(
        self, judgement: Judgement, places: Sequence[Place], *, whole: bool = True, total: int | None = None
    ) -> None:
        """Note that a way has read all, and where from."""
        kept, pages = self._kept(), len(places)
        asks = [(*place.window.to_json(), place.number, place.look) for place in places]
        if {*places} == {Place(Window(), number) for number in range(1, pages + 1)}:
            asks = []
        finished = self._source.client.clock.now().timestamp()
        facts = replace(kept, pages=pages, total=kept.total if total is None else total, finished_at=finished)
        self._keep(replace(facts, verdict=judgement.verdict, asks=asks, phase="whole" if whole else "ended"))

    def _covers(self, kept: ReadRecord) -> bool:
        """Return whether a kept read answers this one: finished, proven unless that was not asked, and long enough."""
        limit, consistency = self.options.limit, self.options.consistency
        plan = PagePlan(kept.total, kept.served, limit)
        if kept.phase == "whole" and limit is None:
            return satisfies(kept.verdict, consistency)
        if kept.asks:
            return False
        if plan.one_response:
            return kept.verdict == ONE_RESPONSE or kept.served >= (limit or kept.served + 1)
        # The first rows of a list are its pages, however strict one is.
        enough = kept.phase in {"ended", "whole"} and kept.pages >= plan.last
        return enough and satisfies(kept.verdict, consistency if limit is None else "auto")

    def _warm(self, kept: ReadRecord, rows: Rows) -> bool:
        """Take the rows of a cached read; return False, and take none, if one of its pages is gone or damaged."""
        self.kept = kept
        rows = self._within(rows)
        plan = PagePlan(kept.total, kept.served, self.options.limit)
        last = kept.pages if kept.phase == "whole" and self.options.limit is None else plan.last
        places = [Place(Window.from_json(each[:2]), *each[2:]) for each in kept.asks] or [
            Place(Window(), number) for number in range(1, last + 1)
        ]
        mark = rows.mark() if len(places) > 1 else None
        for place in places:
            expectation = Expectation(number=place.number, asked=self.options.page_size, served=kept.served)
            params, key = self._asked_of(place)
            page = self._source.client.kept_page(key, params, expectation)
            if page is None:
                if mark is not None:
                    rows.rollback(mark)
                if self.options.cache != "offline":
                    self.forget()
                return False
            self.progress.tally.count_saved()
            self.progress.notes += page.notes
            rows.add(page.items)
        self.judgement = Judgement(ONE_RESPONSE if plan.one_response else kept.verdict, expected=plan.rows)
        return True

    def single_page(self, number: int) -> Page:
        """Return one page as the endpoint's article describes it; it is asked of the server, never of the cache."""
        page = self._single_page(number)
        if not (beyond := self._beyond()):
            return page
        total = page.total - len(self._beyond(narrowed=True))
        return replace(page, items=Without(Came(), beyond).of(page.items), total=total)

    def _single_page(self, number: int) -> Page:
        if self.options.cache == "offline":
            raise offline_miss(None)
        dialect = self._source.dialects.known
        if number == 1 or dialect is None or (dialect is Dialect.ARTICLE and self.question.needs_swagger() is not None):
            page = self._first_page()
            if number == 1:
                self.remember()
                return page
        else:
            self._begin(dialect)
        return self._get(number, page_params(self.question, self.dialect, number, self.options.page_size), None)


def offline_miss(age_s: float | None) -> CacheMissError:
    """Return the error of a read that must not ask and has nothing to give."""
    why = "is kept" if age_s is None else f"is younger than max_age (the kept one is {age_s:,.0f} s old)"
    return CacheMissError(
        f'cache="offline" was asked and no finished read of this query {why}. Read it once with cache="use".',
        age_s=age_s,
    )
