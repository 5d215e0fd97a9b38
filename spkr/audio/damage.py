"""What is raised where a sound file is not what it says it is."""


class Damaged(ValueError):
    """A file is not what its header says, or is of no kind that can be read; `remedy` says what to do about it."""

    def __init__(self, message: str, remedy: str = "replace the file"):
        super().__init__(message)
        self.remedy = remedy
