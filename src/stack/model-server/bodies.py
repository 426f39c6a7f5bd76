"""The parts of OpenAI's request bodies that these models use; unknown fields are left unread."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel


def encodable(text: str) -> str:
    """JSON can carry half a surrogate pair, which is no text. The error counts as a validation error."""
    text.encode()
    return text


Text = Annotated[str, AfterValidator(encodable)]


class EmbeddingBody(BaseModel):
    model: str
    input: Text | list[Text]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class ImageUrl(BaseModel):
    url: str


class Part(BaseModel):
    type: str
    image_url: ImageUrl | None = None


class Message(BaseModel):
    role: str
    content: str | list[Part] | None = None


class JsonSchema(BaseModel):
    name: str


class ResponseFormat(BaseModel):
    type: str
    json_schema: JsonSchema | None = None


class ChatBody(BaseModel):
    model: str
    messages: list[Message]
    response_format: ResponseFormat | None = None
    stream: bool | None = False

    def images(self) -> list[str]:
        """Addresses of the pictures, in the order of the messages."""
        parts = [part for each in self.messages if isinstance(each.content, list) for part in each.content]
        return [part.image_url.url for part in parts if part.image_url is not None]
