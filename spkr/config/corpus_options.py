"""The sections `corpus` and `trials`: where recordings come from, and which lists are scored."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from spkr.config.options import Flag, Options, PathText, Text, Word, entries_of, option
from spkr.errors import InputError


class Archive(Options):
    """An archive of a corpus."""

    file: Text = option(meaning="its name; a file .txt is copied, not unpacked")
    url: Text | None = option(None, "where it is downloaded from")
    sha256: Annotated[Text, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = option(None, "its checksum")
    withdrawn: Text | None = option(
        None, "name of an earlier version, which is used with a warning if only that one is found"
    )
    md5: Annotated[Text, StringConstraints(pattern="^[0-9a-f]{32}$")] | None = option(
        None, "its checksum, which is checked before it is unpacked"
    )
    parts: Annotated[tuple[Text, ...], Field(min_length=2)] | None = option(
        None, "names of the files that it is published in, in their order; they are read as one"
    )
    tree: Text | None = option(None, "a folder under `corpora` with its content; if it is there, nothing is unpacked")


OF_SCRIPTS = (  # these options used to be `corpus.<key>`
    *("allow_partial", "dev_points", "dev_speakers", "dev_utterances"),
    *("expect", "max_bad_share", "microphones", "spk2gender"),
)


FolderBelow = Annotated[
    str, StringConstraints(pattern=r"^(\.|[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*)$")
]


class Corpus(Options):
    """Which corpus this is, and which script knows its folders and names."""

    RENAMED = {key: f"`corpus.options.{key}`" for key in OF_SCRIPTS}

    name: Word = option(meaning="the corpus is unpacked to exp/corpora/<name>")
    script: PathText = option(meaning="a Python file that makes its data directories, such as local/an4.py")
    options: dict[str, Any] = option({}, "of that script, which declares them")
    archives: entries_of(FolderBelow, Archive) = option(
        {},
        "by the folder below exp/corpora/<name> that each is unpacked to, `.` for that itself; null leaves one out",
    )
    folder: Text | None = option(None, "folder of the archives under `corpora`; any if null")
    data: PathText | None = option(
        None, "a folder of Kaldi data directories, in place of archives; below that of the Snakefile, or absolute"
    )
    synthesise: PathText | None = option(None, "a script that makes the corpus if it has no archive")
    synthesise_options: Annotated[Text, StringConstraints(pattern="^[A-Za-z0-9 ._=-]*$")] = option("", "of that script")
    files: tuple[Word, ...] = option(
        ("spk2gender", "text"), "of data directories, in addition to those that all corpora have"
    )

    @model_validator(mode="after")
    def _check(self):
        if sum(map(bool, (self.archives, self.synthesise, self.data))) != 1:
            raise InputError(
                "archives: expected archives, or a script at `synthesise`, or a folder at `data`, and one of them only"
            )
        if self.script.startswith("/"):
            raise InputError(f"script: {self.script}; expected a path below the folder of the Snakefile: local/NAME.py")
        return self


class TrialList(Options):
    """One trial list of test and of dev."""

    models: Flag = option(meaning="whether models_<list> names the utterances of each enrolment model")
    sets: Annotated[tuple[Literal["test", "dev"], ...], Field(min_length=1)] = option(
        ("test", "dev"), "sets that have this list"
    )
