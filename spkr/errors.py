"""Exceptions: the input is wrong, and here is what to do about it."""


class InputError(ValueError):
    """Something that the user gave is wrong: a file, an archive, a setting.

    The message names the file (and line, where there is one), says what was expected and what to do.
    The command line prints it without a traceback and exits with status 1.
    """


class DamagedAudio(ValueError):
    """A sound file is not what its header says, or is of no kind that can be read; `remedy` says what to do about it.

    Whoever opened the file makes it an InputError that names it.
    """

    def __init__(self, message: str, remedy: str = "replace the file"):
        super().__init__(message)
        self.remedy = remedy
