"""Text for stdout: tables and lines that fit a terminal, and stay one line each in a file."""

import io
import sys
import textwrap
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from seje_ray.plain_text import printable_lines, without_controls

GAP = 2  # columns between two cells
NUMBER = 5  # columns of a number at least, so that a table looks alike from run to run
UNLIMITED = 1_000_000  # columns, more than any table has


def text_table(
    header: Sequence[str] | None,
    rows: Sequence[Sequence[str]],
    *,
    left: Collection[int] = (0,),
    headings: Collection[int] = (),
    indent: int = 0,
    width: int | None = None,
) -> str:
    """Rows in aligned columns.

    Args:
        header: Names of the columns, or None.
        rows: Cells; as many in each row as there are names. One may hold several lines.
        left: Columns of words; the others hold numbers, which are aligned right.
        headings: Rows that are shown as the header is.
        indent: Spaces before each line.
        width: Columns of a terminal: the cells of words behind the first column are broken into
            lines, and columns that still find no room go into a table of their own below, the
            first one repeated. None for a row a line.
    """
    above = [] if header is None else [header]
    shown = [[printable_lines(cell) for cell in row] for row in (*above, *rows)]
    if not shown:
        return ""
    columns = [
        _TextColumn(tuple(cells), is_left=number in left, can_break=number in left and number > 0)
        for number, cells in enumerate(zip(*shown, strict=True))
    ]
    room = None if width is None else max(width - indent, 1)
    bold = {*range(len(above)), *(len(above) + number for number in headings)}
    blocks = [_drawn(part, room, bold) for part in _parts(columns, room)]
    return textwrap.indent("\n\n".join(blocks), " " * indent)


@dataclass(frozen=True, slots=True)
class _TextColumn:
    """A column of cells, its header first where there is one."""

    cells: tuple[str, ...]
    is_left: bool
    can_break: bool

    @property
    def minimum(self) -> int:
        """Columns of a terminal that it needs."""
        pieces = (p for cell in self.cells for p in cell.split(None if self.can_break else "\n"))
        return max([0 if self.is_left else NUMBER, *map(cell_len, pieces)])


def _parts(columns: list[_TextColumn], room: int | None) -> list[list[_TextColumn]]:
    """Columns of the tables that fit one by one, about equally wide, each with the first column."""
    if room is None:
        return [columns]
    number = len(_filled(columns, room))
    tries = (_filled(columns, smaller) for smaller in range(1, room + 1))
    return next(parts for parts in tries if len(parts) == number)


def _filled(columns: list[_TextColumn], room: int) -> list[list[_TextColumn]]:
    """As many columns in each table as it has room for, but two at least."""
    first, *others = columns
    parts = [[first]]
    for column in others:
        if len(parts[-1]) > 1 and _minimum([*parts[-1], column]) > room:
            parts.append([first])
        parts[-1].append(column)
    return parts


def _minimum(columns: Sequence[_TextColumn]) -> int:
    return sum(column.minimum for column in columns) + GAP * (len(columns) - 1)


def _drawn(columns: Sequence[_TextColumn], room: int | None, headings: Collection[int]) -> str:
    """One table as text; wider than ``room`` only where its words and numbers are."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, GAP, 0, 0))
    for column in columns:
        table.add_column(
            justify="left" if column.is_left else "right",
            min_width=column.minimum,
            no_wrap=room is None or not column.can_break,
        )
    for number, row in enumerate(zip(*(column.cells for column in columns), strict=True)):
        table.add_row(*row, style="bold" if number in headings else None)
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=UNLIMITED if room is None else max(room, _minimum(columns)),
        force_terminal=room is not None,
        markup=False,
        emoji=False,
        highlight=False,
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def fitted(text: str, width: int | None) -> str:
    """Lines that are wider than a terminal broken between words, further in than they begin."""
    if width is None:
        return text
    return "\n".join(
        line
        if cell_len(click.unstyle(line)) <= width
        else textwrap.fill(
            line,
            width,
            subsequent_indent=" " * (len(line) - len(line.lstrip()) + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.split("\n")
    )


def stdout_width() -> int | None:
    """Columns of the terminal behind stdout, or None if it is a file or a pipe."""
    return Console().width if sys.stdout.isatty() else None


def show(as_text: Callable[[int | None], str]) -> None:
    """Print a result on stdout: what ``as_text`` gives for the width that there is."""
    width = stdout_width()
    click.echo(without_controls(fitted(as_text(width), width)))
