"""What the server answers, as types: the schema of /openapi.json, which every answer is checked against."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """A part of an answer, with nothing else in it."""

    model_config = ConfigDict(extra="forbid")


class Failure(Answer):
    """Why a request was not answered."""

    error: str = Field(description="what is wrong, what was expected, and what to do")


class HeardRecording(Answer):
    """What is known of an uploaded recording."""

    source: str = Field(description="the field of the form, and the number of the file in it")
    seconds: float
    speech: float = Field(description="seconds of speech found")
    vad: str = Field(description="what found the speech")
    warnings: list[str]


class Compared(Answer):
    """A comparison of two voices."""

    same: bool = Field(description="the decision")
    llr: float | None = Field(description="natural log-likelihood ratio; null without a calibration")
    probability: float | None = Field(description="that the voices are the same, at the prior")
    prior: float | None = Field(description="of the same voice")
    score: float = Field(description="of the model's back-end")
    threshold: float
    threshold_on: Literal["llr", "score"]
    why: str = Field(description="where the threshold comes from")


class Pair(Compared):
    """A comparison with what was heard of both sides."""

    a: list[HeardRecording]
    b: HeardRecording


class Verification(Answer):
    """Comparisons of a speaker with recordings."""

    sha256: str = Field(description="the identity of the model's embeddings")
    comparisons: list[Pair] = Field(description="one for each file of b")


class Ranked(Compared):
    """An enrolled voice, and how a recording compares with it."""

    name: str


class Identification(Answer):
    """Whose voice the recordings are."""

    name: str | None = Field(description="null: unknown")
    why: str
    margin: float | None = Field(description="by which the first is ahead of the second")
    least_margin: float
    best: list[Ranked] = Field(description="likeliest first")
    heard: list[HeardRecording]


class StoredRecording(Answer):
    """What the store holds of a recording, besides its embedding."""

    source: str
    audio_sha256: str
    seconds: float
    speech: float
    added: str = Field(description="UTC")


class StoredVoice(Answer):
    """An enrolled voice."""

    name: str
    added: str = Field(description="UTC")
    speech: float = Field(description="seconds of speech in all recordings")
    recordings: list[StoredRecording]


class GateFound(Answer):
    """What a gate of enrolment found."""

    name: Literal["speech", "cohesion", "distance"]
    passed: bool
    value: float | None
    limit: float
    words: str


class Enrolled(StoredVoice):
    """A voice that was enrolled."""

    new: list[HeardRecording]
    gates: list[GateFound]
    forced: bool = Field(description="a gate was not passed")
    warnings: list[str]


class Voices(Answer):
    """All enrolled voices."""

    voices: list[StoredVoice]


class Health(Answer):
    """Whether the server can answer."""

    status: Literal["ready"]
    sha256: str = Field(description="the identity of the model's embeddings")
    token: bool = Field(description="whether requests need a token")
