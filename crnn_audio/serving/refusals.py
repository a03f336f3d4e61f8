"""What a client is answered when a request cannot be done, in the form of the protocol that it speaks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crnn_audio import files


@dataclass(eq=False)
class Refusal(Exception):
    """An answer other than the one that was asked for.

    Args:
        status: of HTTP.
        message: what is wrong, what was found, and what to do.
        code: a name that programs can compare, such as "model_not_found".
        param: the field that is wrong, if it is one.
    """

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """OpenAI's type of error."""
        if self.status in (401, 403):
            return "authentication_error" if self.status == 401 else "permission_error"
        if self.status == 429:
            return "rate_limit_error"
        return "invalid_request_error" if self.status < 500 else "server_error"

    def body(self, path: str) -> dict[str, Any]:
        """The body for a request of this path: a text for whisper.cpp's clients, an object for OpenAI's and others."""
        if path.endswith("/inference"):
            return {"error": self.message}
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def busy(what: str, seconds: int = 1) -> Refusal:
    """Of a service that has enough to do; it says when to ask again."""
    return Refusal(429, f"{what} Try again in {seconds} s.", "busy", headers={"retry-after": str(seconds)})


def invalid(message: str, param: str | None = None, code: str | None = None) -> Refusal:
    """Of a request that will never be right."""
    return Refusal(400, message, code, param)


def json_object(content: str | bytes, should_be: str) -> dict[str, Any]:
    """The JSON object that a message is.

    Raises:
        Refusal: it is none; `should_be` says what it should be.
    """
    try:
        value = files.parse_json(content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise invalid(should_be)
    return value
