"""Axes in a figure of their own that a notebook shows; imported when a picture is drawn, as it needs matplotlib."""

import io
from typing import cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_ROW_INCHES = 0.32


class ShownAxes(Axes):
    """Axes that are their figure's picture in a notebook.

    Jupyter shows a figure when pyplot made it, and this one it did not; axes it never shows.
    """

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        figure = self.get_figure(root=True)
        if figure is not None:
            figure.savefig(picture, format="png")
        return picture.getvalue()


def new_axes(rows: int) -> Axes:
    """Make axes with room for so many horizontal bars."""
    figure = Figure(figsize=(7, max(3.2, 1.2 + _ROW_INCHES * rows)), layout="constrained")
    axes: Axes = figure.add_subplot(axes_class=ShownAxes)
    axes.spines[["top", "right"]].set_visible(False)
    # Customers are counted in whole numbers.
    for axis in (axes.xaxis, axes.yaxis):
        cast("MaxNLocator", axis.get_major_locator()).set_params(integer=True)
    return axes
