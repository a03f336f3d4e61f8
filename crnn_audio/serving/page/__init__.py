"""The page: plain HTML, CSS and JavaScript from this folder, and nothing from any other host."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from crnn_audio.serving.refusals import Refusal

KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    "content-security-policy": "default-src 'self'; connect-src 'self' blob:; media-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def routes() -> APIRouter:
    """The page at `/`, and its files at `/page/`, read once."""
    folder = Path(__file__).parent
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in KINDS}
    router = APIRouter()

    @router.get("/")
    async def index() -> Response:
        """The page."""
        return _response("index.html", files["index.html"])

    @router.get("/page/{name}")
    async def file(request: Request, name: str) -> Response:
        """One of its files."""
        if name not in files:
            raise Refusal(404, "There is no such path.")
        return _response(name, files[name])

    return router


def _response(name: str, content: bytes) -> Response:
    return Response(content, media_type=KINDS[Path(name).suffix], headers=HEADERS)
