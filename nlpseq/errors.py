"""The one exception that a user is meant to read."""


class UserError(Exception):
    """Bad input: one line that says what was wrong, where, and what would do.

    The command line prints it without a traceback and exits with status 2.
    """
