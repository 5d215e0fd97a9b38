"""Exceptions, which say what is wrong with the input and what to do about it."""


class InputError(ValueError):
    """Something that the user gave is wrong: a file, an archive, a setting.

    The message names the file (and the line, if there is one), and says what was expected and what to do.
    The command line prints it without a traceback and exits with status 1.
    """


class DamagedAudio(ValueError):
    """A sound file does not agree with its header, or has an unknown format; `remedy` says what to do about it.

    The code that opened the file turns this into an InputError that names the file.
    """

    def __init__(self, message: str, remedy: str = "replace the file"):
        super().__init__(message)
        self.remedy = remedy
