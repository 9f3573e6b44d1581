"""What the entries of a playbook are made of: names in both languages, conditions, shares, channels; read strictly."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from features.text import Text
from serving.decisions.eligibility import condition_faults

CHANNELS: dict[str, Text] = {
    "phone": Text("Phone", "电话"),
    "visit": Text("Visit", "拜访"),
    "email": Text("E-mail", "电子邮件"),
    "message": Text("Message", "短信或即时消息"),
    "letter": Text("Letter", "信函"),
}

Channel = Literal["phone", "visit", "email", "message", "letter"]


def fault_of(text: Text) -> PydanticCustomError:
    """A finding of the validator, said in both languages."""
    return PydanticCustomError("said", "{en}", {"en": text.en, "zh": text.zh})


def _filled(text: Text) -> Text:
    if not text.en.strip() or not text.zh.strip():
        raise fault_of(Text("both languages must be filled in", "中英文均须填写"))
    return text


OWN_FEATURES = "own_features"
"""In the validator's context: the names of the project's own features."""


def _sound_condition(condition: str, info: ValidationInfo) -> str:
    own = (info.context or {}).get(OWN_FEATURES, frozenset())
    if faults := condition_faults(condition, own):
        raise fault_of(Text(" ".join(f.en for f in faults).rstrip("."), "".join(f.zh for f in faults).rstrip("。")))
    return condition


Words = Annotated[Text, AfterValidator(_filled)]
Condition = Annotated[str, Field(min_length=1), AfterValidator(_sound_condition)]
Id = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
Share = Annotated[float, Field(ge=0, le=1)]
Signed = Annotated[float, Field(ge=-1, le=1)]


class Strict(BaseModel):
    """An entry that takes what it knows, in the right type, and nothing else."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        str_strip_whitespace=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )
