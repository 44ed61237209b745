"""Small pictures inside a terminal that can show them: iTerm2, WezTerm, kitty, Ghostty, Konsole."""

import base64
import io
from collections.abc import Mapping
from typing import Literal, assert_never

from PIL import Image

from seje_ray.errors import SejeError

Protocol = Literal["iterm", "kitty"]
LINES = 6  # of text that a picture is high
CHUNK = 4096  # letters of one command to kitty
ITERM, KITTY = ("iTerm.app", "WezTerm"), ("ghostty", "kitty")


class NoPicturesError(SejeError):
    """The terminal shows no pictures."""


def picture_protocol(environ: Mapping[str, str], *, is_terminal: bool) -> Protocol:
    """How the terminal is told to show a picture.

    Args:
        environ: The process's environment.
        is_terminal: Whether standard output is one.

    Raises:
        NoPicturesError: If it is none, or none that is known to show pictures.
    """
    program, kind = environ.get("TERM_PROGRAM", ""), environ.get("TERM", "")
    if is_terminal and (program in KITTY or "kitty" in kind or "KONSOLE_VERSION" in environ):
        return "kitty"
    if is_terminal and program in ITERM:
        return "iterm"
    found = program or kind or "none" if is_terminal else "a file or a pipe"
    raise NoPicturesError(
        "--pictures: expected a terminal that shows pictures (iTerm2, WezTerm, kitty, Ghostty, "
        f"Konsole), found {found}; leave it out, or open the page with --open"
    )


def picture_text(jpeg: bytes, protocol: Protocol, lines: int = LINES) -> str:
    """What a terminal is to be written so that it shows a picture, ``lines`` of text high."""
    match protocol:
        case "iterm":
            coded = base64.b64encode(jpeg).decode("ascii")
            return f"\x1b]1337;File=inline=1;height={lines};preserveAspectRatio=1:{coded}\a"
        case "kitty":
            return _kitty(jpeg, lines)
    assert_never(protocol)


def _kitty(jpeg: bytes, lines: int) -> str:
    """A picture as PNG, the one format that kitty reads, in commands of limited length."""
    stream = io.BytesIO()
    with Image.open(io.BytesIO(jpeg)) as picture:
        picture.save(stream, "PNG")
    coded = base64.b64encode(stream.getvalue()).decode("ascii")
    chunks = [coded[start : start + CHUNK] for start in range(0, len(coded), CHUNK)]
    commands = []
    for number, chunk in enumerate(chunks):
        keys = f"a=T,f=100,r={lines}," if number == 0 else ""
        more = int(number < len(chunks) - 1)
        commands.append(f"\x1b_G{keys}m={more};{chunk}\x1b\\")
    return "".join(commands)
