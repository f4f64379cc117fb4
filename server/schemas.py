"""Requests and answers as JSON, checked on the way in and described in the OpenAPI document."""

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

# JSON can spell the NUL character; no text has it.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Word = Annotated[str, StringConstraints(pattern=r"^[^\x00]+$")]
# One fault is enough: a hundred thousand would take a second to tell.
Texts = Annotated[list[Text], Field(fail_fast=True)]
Words = Annotated[list[Word], Field(fail_fast=True)]
Score = Annotated[float, Field(ge=0, le=1)]


def _whole(value: Any) -> Any:
    """JSON knows one kind of number: 3.0 is a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, Field(ge=1), BeforeValidator(_whole)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Options(_Request):
    """What an answer shall hold; the descriptions end the sentence `NAME must be`."""

    entities_only: bool = Field(default=False, description="true or false: whether the words are left out")
    min_score: Score = Field(default=0.0, description="a number from 0 to 1: entities below it are left out")


class TextRequest(Options):
    """Raw text, one or a list; each is split into words as the model was trained to."""

    text: Text | Texts = Field(description="a text or a list of texts, without NUL characters")


class WordsRequest(Options):
    """Text that is split already: the words of one text, or of a list of texts."""

    words: Words | Annotated[list[Words], Field(fail_fast=True)] = Field(
        description="a list of words, or a list of such lists; words are not empty and have no NUL characters"
    )


class ClassifyRequest(_Request):
    """Texts for a classifier, one or a list; `text_pair` for those that read pairs of texts."""

    text: Text | Texts = Field(description="a text or a list of texts, without NUL characters")
    text_pair: Text | Texts | None = Field(
        default=None, description="a text, or a list of as many texts as in text, without NUL characters"
    )


class TextPair(_Request):
    """A pair of texts in a request in the shape of the Hugging Face inference API."""

    text: Text = Field(description="a text, without NUL characters")
    text_pair: Text = Field(description="a text, without NUL characters")


class HubParameters(_Request):
    """Parameters of the Hugging Face inference API; words of an entity are always grouped."""

    aggregation_strategy: Literal["simple", "first", "average", "max"] = Field(
        default="simple", description='"simple", "first", "average" or "max"'
    )
    ignore_labels: Texts = Field(default=[], description="a list of labels: their entities are left out")


class HubRequest(_Request):
    """A request in the shape of the Hugging Face inference API."""

    inputs: Text | Texts = Field(description="a text or a list of texts, without NUL characters")
    parameters: HubParameters = Field(default_factory=HubParameters, description="an object")
    options: dict[str, Any] = Field(default={}, description="an object: nothing in it matters here")


class HubClassifyParameters(_Request):
    """Parameters of the Hugging Face inference API for classifiers."""

    top_k: Count | None = Field(
        default=None, description="a whole number from 1: labels in an answer, the likeliest first; by default all"
    )


class HubClassifyRequest(_Request):
    """A request to a classifier in the shape of the Hugging Face inference API."""

    inputs: Text | TextPair | Annotated[list[Text | TextPair], Field(fail_fast=True)] = Field(
        description='a text, a pair {"text", "text_pair"}, or a list of them, without NUL characters'
    )
    parameters: HubClassifyParameters = Field(default_factory=HubClassifyParameters, description="an object")
    options: dict[str, Any] = Field(default={}, description="an object: nothing in it matters here")


class WordAnswer(BaseModel):
    """A word, its place in the text, its tag and the tag's probability."""

    text: str
    start: int
    end: int
    tag: str
    score: float


class EntityAnswer(BaseModel):
    """A stretch of the text with a label."""

    start: int
    end: int
    text: str
    label: str
    score: float


class Prediction(BaseModel):
    """A tagged text; offsets count Unicode characters."""

    text: str
    words: list[WordAnswer] | None = Field(default=None, description="absent with entities_only")
    entities: list[EntityAnswer]


class Classification(BaseModel):
    """A classified text: of one label `label`, of several `labels`, of a regression neither, and `score` the number."""

    text: str
    text_pair: str | None = Field(default=None, description="absent for single texts")
    label: str | None = Field(default=None, description="the likeliest label")
    labels: list[str] | None = Field(default=None, description="the labels that hold")
    score: float | None = Field(default=None, description="the probability of label, or the number")
    scores: list[float] | None = Field(default=None, description="the probability of each of labels")
    probabilities: dict[str, float] | None = Field(default=None, description="of every label, the highest first")


class PredictAnswer(BaseModel):
    """One prediction for each text, in order."""

    model: str
    model_hash: str
    predictions: list[Prediction] | list[Classification]


class HubEntity(BaseModel):
    """An entity in the shape of the Hugging Face inference API."""

    entity_group: str
    score: float
    word: str
    start: int
    end: int


class HubLabel(BaseModel):
    """A label in the shape of the Hugging Face inference API."""

    label: str
    score: float


class ModelAnswer(BaseModel):
    """A model that is served."""

    name: str
    model_hash: str
    task: str = Field(description="tagging or classification")
    text_task: str | None = Field(default=None, description="classifiers: one_label, multi_label or regression")
    has_pairs: bool | None = Field(default=None, description="classifiers: whether texts come in pairs; absent: either")
    labels: list[str]
    splitter: str
    precision: str


class ModelsAnswer(BaseModel):
    """All models, the default first."""

    models: list[ModelAnswer]


class StatusAnswer(BaseModel):
    """That the server is there."""

    status: str


class ErrorAnswer(BaseModel):
    """Why a request was refused."""

    error: str
    error_type: str


def request_schema(tasks: Collection[str], *, max_texts: int, max_words: int) -> dict[str, Any]:
    """The JSON schema of a request, limits included.

    Args:
        tasks: what the models that are served do.
        max_texts: texts of a request.
        max_words: words of a text.
    """
    of_tagging = _tagging_schemas(max_texts, max_words) if "tagging" in tasks else []
    of_texts = _classification_schemas(max_texts) if "classification" in tasks else []
    # A text alone is a request of both kinds.
    return {"anyOf" if of_tagging and of_texts else "oneOf": of_tagging + of_texts}


def _tagging_schemas(max_texts: int, max_words: int) -> list[dict[str, Any]]:
    raw, split, hub = (kind.model_json_schema() for kind in (TextRequest, WordsRequest, HubRequest))
    for choices in (raw["properties"]["text"]["anyOf"], hub["properties"]["inputs"]["anyOf"]):
        choices[1]["maxItems"] = max_texts
    one, several = split["properties"]["words"]["anyOf"]
    one["maxItems"] = several["items"]["maxItems"] = max_words
    several["maxItems"] = max_texts
    # Within a schema that is not a document of its own, a reference would lead nowhere.
    hub["properties"]["parameters"] = hub.pop("$defs")["HubParameters"]
    return [raw, split, hub]


def _classification_schemas(max_texts: int) -> list[dict[str, Any]]:
    raw, hub = (kind.model_json_schema() for kind in (ClassifyRequest, HubClassifyRequest))
    text, _, several = hub["properties"]["inputs"]["anyOf"]
    definitions = hub.pop("$defs")
    hub["properties"]["parameters"] = definitions["HubClassifyParameters"]
    several["items"]["anyOf"] = [text, definitions["TextPair"]]
    hub["properties"]["inputs"]["anyOf"] = [text, definitions["TextPair"], several]
    for choices in (raw["properties"]["text"]["anyOf"], raw["properties"]["text_pair"]["anyOf"]):
        choices[1]["maxItems"] = max_texts
    several["maxItems"] = max_texts
    return [raw, hub]
