"""What the classes of all sections share: a base class, and types whose errors say what was expected.

The computing code uses these objects directly. Their errors become an InputError that names the option
(`read_options`), or the file and line that set it (spkr.config.loading).
"""

import math
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from spkr.errors import InputError

MAX_WHOLE, MAX_SHARDS = 2**31 - 1, 10_000


class Options(BaseModel):
    """Settings that cannot be changed; an unknown key is an error that names a similar one."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    RENAMED: ClassVar[Mapping[str, str]] = {}  # old key -> what to write today

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, settings: Any) -> Any:
        if isinstance(settings, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in settings:
                if key not in known:
                    advice = f"it is {cls.RENAMED[key]} now" if key in cls.RENAMED else suggest(str(key), known)
                    raise PydanticCustomError("unknown_key", "no such key; {advice}", {"key": key, "advice": advice})
        return settings

    def replace(self, **changes: Any) -> Self:
        """A copy with other values. Raises InputError for a value that is out of range."""
        settings = self.to_dict() | changes
        try:
            return type(self).model_validate(settings)
        except ValidationError as e:
            path, message = first_error(e, settings)
            raise InputError(f"{'.'.join(path)}: {message}") from None

    def to_dict(self) -> dict[str, Any]:
        """All values, as JSON types."""
        return self.model_dump(mode="json", by_alias=True)

    def only(self, part: type["Options"]) -> dict[str, Any]:
        """The values of the options that a base class declares, as JSON types."""
        return self.model_dump(mode="json", by_alias=True, include=set(part.model_fields))


def suggest(unknown: str, known: Iterable[str]) -> str:
    """`did you mean x?` if a known name is similar; otherwise the known names."""
    known = list(known)
    close = get_close_matches(unknown, known, n=1)
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{shown(value)}; expected a number")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, int) and abs(value) > MAX_WHOLE:
        raise ValueError(f"{shown(value)}; expected at {'most ' if value > 0 else 'least -'}{MAX_WHOLE}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value != int(value):
        hint = ""
        if isinstance(value, str) and re.fullmatch(r"\d+(\.\d*)?e\+?\d+", value):
            hint = f", such as {float(value):.0f}"
        raise ValueError(f"{shown(value)}; expected a whole number{hint}")
    return int(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{shown(value)}; expected true or false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)}; expected text; put it in quotes")
    return value


def shown(value: Any) -> str:
    """A value as a YAML file would have it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def _matching(pattern: str, meaning: str) -> BeforeValidator:
    def check(value: Any) -> str:
        if not re.fullmatch(pattern, _text(value)):
            raise ValueError(f"{value!r}; expected {meaning}")
        return value

    return BeforeValidator(check, json_schema_input_type=str)


Number = Annotated[float, BeforeValidator(_number)]
Whole = Annotated[int, BeforeValidator(_whole)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Text = Annotated[str, BeforeValidator(_text)]
Count = Annotated[Whole, Field(ge=0)]
Positive = Annotated[Whole, Field(ge=1)]
NonNegative = Annotated[Number, Field(ge=0)]
Size = Annotated[Positive, Field(le=65_536)]  # of what takes memory
Named = WithJsonSchema(  # a path, or {pretrained: NAME}, which spkr.config.pretrained turns into one
    {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"pretrained": {"type": "string"}},
                                    "required": ["pretrained"], "additionalProperties": False}]}
)  # fmt: skip
Shards = Annotated[Positive, Field(le=MAX_SHARDS)]
Above0 = Annotated[Number, Field(gt=0)]
Probability = Annotated[Number, Field(ge=0, le=1)]
Word = Annotated[str, _matching(r"[A-Za-z0-9][A-Za-z0-9._-]*", "letters, digits and . _ - only")]
PathText = Annotated[
    str,
    _matching(
        r"(?!-)[^\s\"'`$&|;<>(){}*?!#~\[\]\\]+",
        "a path without blanks, quotes and other characters that mean something to a shell; link to it by another name",
    ),
]


def _rising(values: tuple) -> tuple:
    if values[0] > values[1]:
        raise ValueError(f"{list(values)}; expected [low, high]")
    return values


def range_of(number):
    """The type of a range [low, high] of numbers."""
    return Annotated[tuple[number, number], AfterValidator(_rising)]


Range = range_of(Number)
SetName = Literal["train", "valid", "dev", "test"]


def unique(values: tuple) -> tuple:
    """A validator: return the values; ValueError if one of them occurs twice."""
    if len(set(values)) < len(values):
        raise ValueError(f"{list(values)}; expected each once")
    return values


def entries_of(name, kind):
    """The type of entries by name. `<name>: null` in a later config leaves out the entry of an earlier one."""
    kept = AfterValidator(lambda entries: {k: v for k, v in entries.items() if v is not None})
    return Annotated[dict[name, kind | None], kept]


def option(default: Any = ..., meaning: str = "", **limits: Any) -> Any:
    """A field with its default, what it means, and its limits (ge, gt, le, lt, min_length)."""
    return Field(default, description=meaning or None, **limits)


def read_options(kind: Any, settings: Any, where: str) -> Any:
    """`settings` as an object of `kind`, a class of options or a union. An error begins with `where` and the option."""
    try:
        return TypeAdapter(kind).validate_python(settings)
    except ValidationError as e:
        path, message = first_error(e, settings)
        raise InputError(f"{'.'.join([where, *path])}: {message}") from None


def first_error(error: ValidationError, settings: Any) -> tuple[list[str], str]:
    """Where the first mistake is, as keys from the top of the settings, and what was expected.

    An unknown key is reported first, because a mistyped key causes most other errors.
    """
    found = sorted(error.errors(include_url=False), key=lambda e: e["type"] != "unknown_key")[0]
    path, at = [], settings
    for k, part in enumerate(found["loc"], 1):
        is_missing = found["type"] == "missing" and k == len(found["loc"])
        is_tag = not isinstance(at, dict | list | tuple) or (isinstance(at, dict) and part not in at)
        if is_tag and not is_missing:
            continue  # the name of a member of a union
        path.append(str(part))
        if isinstance(at, list | tuple):
            at = at[part] if part < len(at) else None
        else:
            at = at.get(part) if isinstance(at, dict) else None
    if found["type"] == "unknown_key":
        path.append(str(found["ctx"]["key"]))
    path = [part for part in path if not part.startswith("[")]
    message = _expected(found)
    if found["type"] == "value_error" and isinstance(found["input"], dict) and (m := KEY.match(message)):
        path, message = [*path, *m[1].split(".")], message[m.end() :]
    return path, message


KEY = re.compile(r"([a-z_.]+): ")  # the beginning of a message about several options
LIMITS = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
}


def _expected(error: Mapping[str, Any]) -> str:
    """One mistake in plain words: what is there, and what was expected."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "unknown_key":
        return error["msg"]
    if kind in LIMITS:
        return f"{shown(value)}; expected {LIMITS[kind].format(**context)}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return f"{shown(value)}; expected settings: keys with values, indented or in braces"
    if kind == "missing":
        return "missing; expected a value"
    if kind == "literal_error":
        expected = context["expected"].replace("'", "")
        return f"{shown(value)}; expected {'false' if expected == 'False' else expected}"
    if kind == "union_tag_invalid":
        return f"type {context['tag']!r}; expected {context['expected_tags'].replace(chr(39), '')}"
    if kind == "union_tag_not_found":
        return "no type; expected the key `type`"
    if kind in ("tuple_type", "list_type"):
        return f"{shown(value)}; expected a list"
    if kind in ("too_short", "too_long"):
        return f"{shown(value)}; expected {'at least' if kind == 'too_short' else 'at most'} " + str(
            context.get("min_length", context.get("max_length"))
        )
    return f"{shown(value)}; {error['msg'][0].lower()}{error['msg'][1:]}"
