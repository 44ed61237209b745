"""Pictures in terminals: the right words for each, and an error where there are none."""

import base64
import io
import re

import pytest
from PIL import Image

from seje_ray.console.pictures import NoPicturesError, picture_protocol, picture_text


@pytest.fixture(scope="module")
def jpeg():
    """A photo of many colours, so that it is long."""
    stream = io.BytesIO()
    Image.effect_noise((120, 80), 90).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


def test_a_terminal_is_known_by_its_environment():
    """Of the terminals' own variables; a pipe shows nothing, whatever they say."""
    assert picture_protocol({"TERM": "xterm-kitty"}, is_terminal=True) == "kitty"
    assert picture_protocol({"TERM_PROGRAM": "ghostty"}, is_terminal=True) == "kitty"
    assert picture_protocol({"TERM_PROGRAM": "WezTerm"}, is_terminal=True) == "iterm"
    for environ, is_terminal in (({"TERM": "xterm"}, True), ({"TERM": "xterm-kitty"}, False)):
        with pytest.raises(NoPicturesError, match="expected a terminal that shows pictures"):
            picture_protocol(environ, is_terminal=is_terminal)


def test_the_picture_is_inside_the_words(jpeg):
    """As it is for one protocol; as PNG in pieces for the other."""
    iterm = picture_text(jpeg, "iterm", 4)
    assert base64.b64decode(iterm.partition("=1:")[2].rstrip("\a")) == jpeg
    pieces = re.findall("\x1b_G([^;]*);([^\x1b]*)\x1b\\\\", picture_text(jpeg, "kitty", 4))
    assert len(pieces) > 1
    assert pieces[0][0].startswith("a=T,f=100,r=4,")
    assert [keys[-3:] for keys, _ in pieces] == ["m=1"] * (len(pieces) - 1) + ["m=0"]
    shown = Image.open(io.BytesIO(base64.b64decode("".join(part for _, part in pieces))))
    assert (shown.format, shown.size) == ("PNG", (120, 80))
