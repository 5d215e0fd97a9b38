"""The one exception that means: the input is wrong, and here is what to do about it."""


class InputError(ValueError):
    """Something that the user gave is wrong: a file, an archive, a setting.

    The message names the file (and line, where there is one), says what was expected and what to do.
    The command line prints it without a traceback and exits with status 1.
    """
