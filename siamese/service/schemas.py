"""What is asked and answered over HTTP, as the documentation at /docs shows it."""

import base64
import binascii
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from siamese.config import shorten

MOST_IMAGES = 256  # of one request
MOST_EXAMPLES, MOST_CLASSES, LONGEST_NAME = 200, 100, 100  # of one request to recognise; characters of a name
DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(;[\w.+=-]+)*,", re.ASCII)


def decoded(value: Any) -> bytes:
    """The bytes of a picture: of a form as they are, of JSON from base64, with or without the beginning of a data URL."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("it is no text, allowed: base64")
    try:
        return base64.b64decode(DATA_URL.sub("", value[:100]) + value[100:], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"it is {shorten(value)}, allowed: base64") from None


def filled(value: bytes) -> bytes:
    """The same, where it is not empty."""
    if not value:
        raise ValueError("it is empty, allowed: the bytes of a picture")
    return value


AS_BASE64 = {
    "type": "string", "contentEncoding": "base64", "minLength": 1, "description": "a picture in base64, or as a data URL",
}  # fmt: skip
Picture = Annotated[bytes, BeforeValidator(decoded), AfterValidator(filled), WithJsonSchema(AS_BASE64)]
Pictures = Annotated[list[Picture], Field(min_length=1, max_length=MOST_IMAGES)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"\S")]
Threshold = Annotated[
    float | None,
    Field(gt=0, allow_inf_nan=False, description="instead of the model's own: the largest distance called same"),
]


class Question(BaseModel):
    """What all questions share: what is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class PairQuestion(Question):
    """Two pictures."""

    image_a: Picture
    image_b: Picture
    threshold: Threshold = None

    def named(self) -> list[tuple[str, bytes]]:
        """All pictures, each with its name."""
        return [("image_a", self.image_a), ("image_b", self.image_b)]


class PicturesQuestion(Question):
    """Some pictures."""

    images: Pictures

    def named(self) -> list[tuple[str, bytes]]:
        """As of PairQuestion."""
        return _numbered("images", self.images)


class QueryQuestion(Question):
    """A picture, and examples of the classes that it may be of."""

    query: Picture
    examples: Annotated[
        dict[Name, Pictures], Field(min_length=1, max_length=MOST_CLASSES, description="pictures of each class, by its name")
    ]
    threshold: Threshold = None
    top: Annotated[int, Field(ge=1, le=MOST_CLASSES, description="how many of the nearest classes to name")] = 5
    prototypes: Annotated[
        bool, Field(description="rank by the mean of each class's examples as well: better with several")
    ] = False

    def named(self) -> list[tuple[str, bytes]]:
        """As of PairQuestion: the query, then the examples of each class."""
        examples = [each for name, pictures in self.examples.items() for each in _numbered(f"examples.{name}", pictures)]
        return [("query", self.query), *examples]


def _numbered(name: str, pictures: list[bytes]) -> list[tuple[str, bytes]]:
    return [(f"{name}.{place}", picture) for place, picture in enumerate(pictures)]


class Compared(BaseModel):
    """Whether two pictures show the same."""

    is_same: bool
    probability_same: Annotated[float, Field(ge=0, le=1, description="calibrated on pictures that training never saw")]
    confidence: Annotated[float, Field(ge=0.5, le=1, description="the probability of what is_same says")]
    distance: Annotated[float, Field(ge=0, description="Euclidean, between the two embeddings")]
    threshold: Annotated[float, Field(gt=0, description="the largest distance called same")]
    is_familiar: Annotated[bool | None, Field(description="whether both are like the model's test images; null: unknown")]
    remark: Annotated[str, Field(description="on a picture that is not what the model reads; else empty")]
    model: str


class Embedded(BaseModel):
    """An embedding for each picture, in their order: two are as different as the Euclidean distance between them."""

    embeddings: list[list[float]]
    model: str


class Distances(BaseModel):
    """The distances between all pictures: N rows of N."""

    distances: list[list[float]]
    threshold: float
    model: str


class Found(BaseModel):
    """A class near the query."""

    name: str
    distance: Annotated[float, Field(ge=0, description="to the nearest of its examples")]
    probability_same: Annotated[float, Field(ge=0, le=1)]


class Identified(BaseModel):
    """The class of a picture, and the nearest classes, the nearest first."""

    name: Annotated[str | None, Field(description="null: no example is within the threshold")]
    matches: list[Found]
    threshold: float
    is_familiar: bool | None
    model: str


class Model(BaseModel):
    """The model that answers."""

    name: str
    encoder: str
    embedding_dim: int
    image_size: Annotated[int, Field(description="px a side that the network sees; of images alone")]
    channels: Annotated[int, Field(description="1 grey, 3 colour")]
    preprocess: Annotated[str, Field(description="ink: the drawing is found and centred; photo: the whole picture")]
    threshold: float
    dataset: Annotated[str, Field(description="what it was trained on")]
    balanced_accuracy: Annotated[float | None, Field(description="percent of test pairs judged correctly")]


class Health(BaseModel):
    """That the server answers."""

    status: Literal["ok"]


class Problem(BaseModel):
    """Why there is no answer, in a sentence."""

    detail: str
