"""A figure as SVG text."""

import io

from matplotlib import rc_context
from matplotlib.figure import Figure


def svg_text(figure: Figure) -> str:
    """The ``<svg>`` element of a figure; equal figures give equal text."""
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "seje-ray"}):  # else ids are random
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
