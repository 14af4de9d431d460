"""Printing of tables and lines on a terminal with rich; text of users and models is shown, never executed."""

from functools import cache
from typing import TYPE_CHECKING, Any

from nlpseq.safe_text import for_terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def console(**options: Any) -> "Console":
    """Return a console on which strings are text: they have no markup, emoji codes or control characters.

    Args:
        **options: of `rich.console.Console`.
    """
    made: Console = _console_class()(highlight=False, emoji=False, markup=False, **options)
    return made


def cell(text: object) -> "Text":
    """Return the cell of a table."""
    from rich.text import Text

    return Text(for_terminal(text))


@cache
def _console_class() -> Any:
    from rich.console import Console

    class SafeConsole(Console):
        """A console that makes control characters of strings visible."""

        def render_str(self, text: str, **options: Any) -> "Text":
            """Return rich's text of a string; cells of tables, titles and printed lines are made by this."""
            return super().render_str(for_terminal(text), **options)

    return SafeConsole
