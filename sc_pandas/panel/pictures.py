"""Small pictures beside the preview, by matplotlib's object interface (pyplot is not safe on other threads)."""

import io
from collections.abc import Collection
from typing import Any

import pandas as pd


def facet_png(counts: "dict[str, pd.Series[int]]") -> bytes | None:
    """Draw counts as small horizontal bars; None where there is nothing to draw or matplotlib is not installed."""
    try:
        from matplotlib import font_manager
        from matplotlib.figure import Figure
    except ImportError:
        return None
    if not counts:
        return None
    glyphs = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap().keys()
    heights = [len(series) for series in counts.values()]
    figure = Figure(figsize=(3.6, 0.26 * sum(heights) + 0.5 * len(heights)), dpi=100, layout="constrained")
    axes: Any = figure.subplots(len(counts), 1, squeeze=False, height_ratios=heights)
    for axis, (name, series) in zip(axes[:, 0], counts.items(), strict=True):
        labels = [_drawable(label, glyphs) for label in series.index]
        bars = axis.barh(range(len(series)), series.to_numpy(), color="#4c78a8")
        axis.bar_label(bars, fmt="{:,.0f}", padding=2, fontsize=7)
        axis.set_yticks(range(len(series)), labels, fontsize=7, parse_math=False)
        axis.set_title(_drawable(name, glyphs), fontsize=8, loc="left", parse_math=False)
        axis.invert_yaxis()
        axis.margins(x=0.15)
        axis.xaxis.set_visible(False)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _drawable(text: object, glyphs: Collection[int]) -> str:
    # A character that the font lacks is drawn as a box here, because matplotlib would warn of each.
    return "".join(c if ord(c) in glyphs else "□" for c in str(text))
