"""What the command tells its user instead of a traceback."""


class CommandError(Exception):
    """Something went wrong that the user can do something about; the message says what."""
