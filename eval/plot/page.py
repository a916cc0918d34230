"""Interactive figures as one HTML file that needs nothing else, plotly.js included."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence

from ..errors import Unavailable
from .figure import Figure

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; --ink: #1f2328; --page: #ffffff; }}
  @media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6edf3; --page: #16191d; }} }}
  body {{ margin: 0 auto; max-width: 60rem; padding: 0 .5rem; font: 1rem/1.5 system-ui, sans-serif; }}
  body {{ color: var(--ink); background: var(--page); }}
  h1 {{ font-size: 1.3rem; }}
  figure {{ margin: 1rem 0 2.5rem; }}
  figcaption {{ font-size: .85rem; opacity: .8; }}
</style>
<h1>{title}</h1>
{figures}
<script>{library}</script>
<script>
  const figures = {specs};
  const draw = () => figures.forEach(({{data, layout}}, number) => {{
    layout.font = {{color: getComputedStyle(document.body).color}};
    Plotly.react("plot" + number, data, layout, {{responsive: true, displaylogo: false}});
  }});
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
</script>
</html>
"""
_FIGURE = (
    '<figure>\n<div id="plot{number}" style="height: {height}rem"></div>\n<figcaption>{note}</figcaption>\n</figure>'
)


def page(figures: Sequence[Figure], title: str) -> str:
    """The text of the file. Raises `Unavailable` without plotly."""
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError as error:
        raise Unavailable("Interactive plots need plotly: pip install 'kodek[eval]'.") from error
    specs = json.dumps([figure.plotly() for figure in figures], allow_nan=False)
    blocks = [
        _FIGURE.format(
            number=number,
            height=9 + 3 * len(figure.series) if figure.bars else 30,
            note=html.escape(figure.note),
        )
        for number, figure in enumerate(figures)
    ]
    return _PAGE.format(
        title=html.escape(title),
        figures="\n".join(blocks),
        library=get_plotlyjs(),
        specs=specs.replace("<", "\\u003c"),  # a name can't end the script
    )
