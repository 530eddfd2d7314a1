"""`Panel`: the live filter panel of one query."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from sc_pandas.contract import Channel, Flag
from sc_pandas.edge import public_class
from sc_pandas.errors import FilterError, SellerCloudError
from sc_pandas.filters import CustomerFilter
from sc_pandas.panel.engine import Engine
from sc_pandas.panel.entries import entries_of, read_entries
from sc_pandas.panel.preview import named
from sc_pandas.panel.state import PanelState
from sc_pandas.panel.view import View
from sc_pandas.query import CustomerQuery
from sc_pandas.reading import plan_includes
from sc_pandas.segments import Segments


@public_class
class Panel:
    """Controls that are SellerCloud's filters, asking the live server again as they move.

    Made by ``shop.panel()``, ``query.panel()`` or ``df.sellercloud.panel()``; shown by being the last line of a cell.
    No callback waits for the network; the newest question always wins.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The panel as a widget, for layouts of your own.
    """

    def __init__(self, query: CustomerQuery, *, title: str, segments: Segments, live: bool = True) -> None:
        self._segments = segments
        self._engine = Engine(query, self._show, live=live)
        self._view = View(title, self._actions(), lock=self._engine.lock)
        self._view.live.value = live
        self.widget = self._view.widget
        self._view.controls.show(entries_of(query.filter))
        self._view.more.choose(query.options.include)
        self._engine.apply(query.filter, at_any_cost=False)
        self._told(self._offer_segments)

    def _actions(self) -> dict[str, Callable[..., None]]:
        return {
            "entries": lambda: self._ask(self._engine.change),
            "apply": self.apply,
            "refresh": lambda: self.apply(refresh=True),
            "load": self._engine.load,
            "stop": self._engine.stop,
            "save": self._save,
            "previous": lambda: self._engine.turn(-1),
            "next": lambda: self._engine.turn(1),
            "live": self._engine.set_live,
            "include": self._columns_changed,
            "price": self._engine.price,
            "segment_save": lambda: self._told(self._save_segment),
            "segment_load": lambda: self._told(self._load_segment),
            "segment_delete": lambda: self._told(self._delete_segment),
            "channel": lambda: self._engine.count_by("channel", {c.name: c.value for c in Channel}),
            "subscribed": lambda: self._engine.count_by("subscribed", {f.name: f.value for f in (Flag.Yes, Flag.No)}),
        }

    @property
    def query(self) -> CustomerQuery:
        """The query that the controls make, with the columns of `include`."""
        return self._engine.query

    @property
    def filter(self) -> CustomerFilter:
        """The filter that the controls make; set it, and they move.

        One that takes many calls to count waits for `apply`.  While an entry is wrong, it is the last that could be
        asked.

        Raises
        ------
        FilterError
            The filter cannot be asked here; nothing has moved.
        """
        return self._engine.state.question

    @filter.setter
    def filter(self, question: CustomerFilter) -> None:
        # Under one lock: no control moves between the filter and its controls.
        with self._engine.lock:
            self._engine.apply(question, at_any_cost=False)
            self._view.controls.show(entries_of(question))

    @property
    def include(self) -> tuple[str, ...]:
        """What is loaded besides the columns of the list; set it, and the control moves.

        Names as in `Connection.customers`, or a single one.  "Load all", `load` and "Save Parquet" read them; counts,
        first rows and pages never do: looking stays cheap.

        Raises
        ------
        SettingsError
            There is no such name; nothing has moved.

        Examples
        --------
        >>> panel = shop.customers(include=["subscribed"]).panel()
        >>> panel.include
        ('subscribed',)
        >>> panel.include = ["channel", "phones"]
        >>> panel.query.options.include
        ('channel', 'phones')
        >>> panel.close()
        """
        return self._engine.state.include

    @include.setter
    def include(self, names: str | Iterable[str]) -> None:
        chosen = (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))
        with self._engine.lock:
            plan_includes(chosen, self.filter)
            self._engine.choose(chosen)
            self._view.more.choose(self._engine.state.include)

    @property
    def df(self) -> pd.DataFrame | None:
        """The rows that were last loaded or shown: everything that matched after "Load all", else the page on show.

        None before the first answer.  While ``panel.state.rows_are_old`` they answer an earlier question.
        """
        return self._engine.state.rows

    @property
    def state(self) -> PanelState:
        """What the panel shows, as a value."""
        return self._engine.state

    @property
    def last_error(self) -> BaseException | None:
        """The error that the panel shows, or None."""
        return self._engine.last_error

    def to_code(self) -> str:
        """Return Python code that reads what the controls ask; no secret is in it."""
        return self._engine.query.to_code()

    def apply(self, *, refresh: bool = False) -> None:
        """Ask what the controls say, now and whatever it costs; `wait` for the answer.

        Parameters
        ----------
        refresh
            Whether to ask the server anew instead of taking answers that the cache holds.
        """
        self._ask(lambda question: self._engine.apply(question, refresh=refresh))

    def load(self) -> None:
        """Read everything that matches, in the background; `wait` for it."""
        self._engine.load()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until no answer is on its way, for `timeout` seconds at most; False when the time is up first."""
        return self._engine.wait(timeout)

    def close(self) -> None:
        """Stop timers and threads, and close the widgets but for one line: no customer is saved with the notebook."""
        with self._engine.lock:
            self._engine.close()
            self._view.close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return f"<Panel {self._engine.state.phase}>"

    def _show(self, state: PanelState) -> None:
        self._view.show(state, self.to_code())

    def _columns_changed(self) -> None:
        with self._engine.lock:
            self._engine.choose(self._view.more.names)

    def _ask(self, ask: Callable[[CustomerFilter], None]) -> None:
        # Changes come on any thread, and one may wait for the lock: what stands in the controls is read under it.
        with self._engine.lock:
            read = read_entries(self._view.controls.entries())
            if read.question is None:
                self._engine.refuse(read.wrong)
                return
            try:
                ask(read.question)
            except FilterError as error:
                self._engine.refuse({error.filter: str(error)})

    def _save(self) -> None:
        self._engine.save(Path(self._view.path.value.strip() or "customers.parquet"))

    def _told(self, action: Callable[[], None]) -> None:
        """Do it; the panel shows what goes wrong."""
        try:
            action()
        except SellerCloudError as error:
            self._engine.say(error)

    def _offer_segments(self) -> None:
        self._view.segment_list.options = named(list(self._segments))

    def _save_segment(self) -> None:
        self._segments.save(self._view.segment_name.value, self.filter)
        self._offer_segments()
        self._view.segment_list.value = self._view.segment_name.value.strip()

    def _load_segment(self) -> None:
        self.filter = self._segments[self._chosen_segment()]

    def _delete_segment(self) -> None:
        self._segments.delete(self._chosen_segment())
        self._offer_segments()

    def _chosen_segment(self) -> str:
        chosen = self._view.segment_list.value
        if not chosen:
            raise FilterError("Choose a saved filter first.")
        return str(chosen)
