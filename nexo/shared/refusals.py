"""Answers given before Django is asked, in the words and shape that it would use."""

from nexo.shared.renderers import dump_json

_REFUSALS = {
    408: ("request_timeout", "The request's body did not arrive in time."),
    413: ("payload_too_large", "The body is too large."),
    500: ("server_error", "Something went wrong on our side."),
}


def refusal(path: str, status: int) -> tuple[bytes, bytes]:
    """Content type and body of a refusal: the API's envelope under /api/, else plain text."""
    from nexo.shared.errors import API_PREFIX, error_body  # needs Django's settings

    code, sentence = _REFUSALS[status]
    if path.startswith(API_PREFIX):
        return b"application/json", dump_json(error_body(error=sentence, code=code))
    return b"text/plain; charset=utf-8", sentence.encode()
