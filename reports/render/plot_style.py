"""How figures are drawn for a page: text stays text, ink is the page's own colour (light or dark), and the bytes
depend on the data alone (fixed hash salt, no date).
"""

import io
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, QUIET, GRID = "#101418", "#5a6470", "#d5dae0"  # replaced by the page's colours, see for_page
_PAGE_COLOURS = {INK: "var(--ink)", QUIET: "var(--quiet)", GRID: "var(--rule)"}
SETTINGS: Any = {
    "svg.hashsalt": "reproid",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10.5,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "figure.dpi": 100,
}
PALETTE = (0, 3, 2, 4, 1, 5, 9, 7)  # of seaborn's colour-blind palette, without its pale yellow and pink


def plain(axes: "Axes") -> None:
    """A grid below the data, no frame above and right."""
    axes.grid(True)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def colours(count: int) -> list[Any]:
    """Colours that keep apart for colour-blind readers and show on light and dark ground alike."""
    import seaborn as sns

    if count > len(PALETTE):
        return list(sns.husl_palette(count, s=0.75, l=0.55))
    palette = sns.color_palette("colorblind")
    return [palette[index] for index in PALETTE[:count]]


def for_page(figure: "Figure", prefix: str) -> str:
    """SVG without XML prologue, sized by the page, inked in the page's colours."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg\b[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)
    svg = svg.replace("xlink:href", "href")
    svg = _own_ids(svg, prefix)
    for colour, variable in _PAGE_COLOURS.items():
        svg = svg.replace(colour, variable)
    return svg.strip()


def _own_ids(svg: str, prefix: str) -> str:
    """Drop ids that nothing refers to and make the others unique on a page with several figures."""
    wanted = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in wanted else "", svg)
    return re.sub(r'(href="#|url\(#)', rf"\1{prefix}-", svg)
