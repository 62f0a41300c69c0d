"""The style sheet, the scripts and the icon, read once and served from memory."""

import hashlib
from http import HTTPStatus
from importlib.resources import files

import msgspec
from litestar import Response

from app.api.problems import ProblemError

_MEDIA = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One file, with the tag by which a browser knows whether it changed."""

    body: bytes
    etag: str
    media_type: str


class Assets:
    """All files of the folder static."""

    def __init__(self) -> None:
        self._assets = {
            one.name: _asset(one.read_bytes(), one.name)
            for one in files("app.web").joinpath("static").iterdir()
            if one.is_file()
        }

    def answer(self, name: str, if_none_match: str) -> Response[bytes]:
        """Return a file, or 304 when the browser has it already.

        Raises:
            ProblemError: 404, when there is no such file.
        """
        asset = self._assets.get(name)
        if asset is None:
            raise ProblemError("not-found", status=HTTPStatus.NOT_FOUND, detail="There is no such file.")
        fresh = asset.etag in if_none_match
        return Response(
            b"" if fresh else asset.body,
            status_code=HTTPStatus.NOT_MODIFIED if fresh else HTTPStatus.OK,
            headers={"etag": asset.etag, "cache-control": "no-cache"},
            media_type=asset.media_type,
        )


def _asset(body: bytes, name: str) -> Asset:
    digest = hashlib.sha256(body).hexdigest()[:16]
    return Asset(body=body, etag=f'"{digest}"', media_type=_MEDIA[name.rpartition(".")[2]])
