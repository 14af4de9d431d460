"""Text of any script in figures: the fonts of this machine, and another spelling where none has a character."""

from functools import cache

from nlpseq.safe_text import for_terminal

BOX = "□"
# The first comes with matplotlib: Latin, Greek, Cyrillic, Hebrew and Arabic. The system may have others.
_FAMILIES = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans Devanagari",
    "Noto Sans Ethiopic",
    "Noto Sans Thai",
    "Noto Sans Symbols2",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "IPAGothic",
    "Arial Unicode MS",
    "Hiragino Sans",
    "PingFang SC",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Nirmala UI",
    "Ebrima",
)


def families() -> list[str]:
    """Return the font families of this machine that figures use, in order."""
    return list(_fonts())


def has_glyph(character: str) -> bool:
    """Return whether a font of this machine can draw a character."""
    return any(ord(character) in font for font in _fonts().values())


def drawable(text: str) -> str:
    r"""Return a text that figures can draw: a character without a glyph is its code, such as \u4e2d.

    Line breaks stay; labels that differ still differ.
    """
    return "".join(
        character if character == "\n" or _is_drawn(character) else _code(character)
        for character in text
    )


def legend_name(name: str) -> str:
    """Return a name that a legend shows: matplotlib leaves out names that begin with `_`."""
    return f" {name}" if name.startswith("_") else name


def _is_drawn(character: str) -> bool:
    """Return whether a character is drawn as itself; one that turns the order of what follows is not."""
    return for_terminal(character) == character and has_glyph(character)


def _code(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:x}"


@cache
def _fonts() -> dict[str, frozenset[int]]:
    """Return the font families of this machine, each with the characters that it can draw."""
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return {
        family: frozenset(font_manager.get_font(font_manager.findfont(family)).get_charmap())
        for family in _FAMILIES
        if family in installed
    }
