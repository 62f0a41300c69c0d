"""Joins a description that is parted into files into one, so that it is read like any other."""

import posixpath
from collections.abc import Callable, Mapping

Load = Callable[[str], dict[str, object]]


def joined(files: list[str], load: Load) -> dict[str, object]:
    """One OpenAPI description of several files in a folder, by their paths in it.

    What they refer to is taken in, also from files beside them; each file stands whole under `files`, and
    each reference is written anew to lead there. A file's paths begin with the path of its server.
    """
    return _Joining(load).joined(files)


class _Joining:
    def __init__(self, load: Load) -> None:
        self._load = load
        self._files: dict[str, object] = {}

    def joined(self, files: list[str]) -> dict[str, object]:
        paths: dict[str, object] = {}
        schemes: dict[str, object] = {}
        version = ""
        for file in files:
            whole = self._file(file)
            if not isinstance(whole, dict) or "paths" not in whole:
                continue
            version = str(whole["openapi"])
            base = _base(whole)
            paths |= {base + path: item for path, item in whole["paths"].items()}
            schemes |= whole.get("components", {}).get("securitySchemes", {})
        components = {"securitySchemes": schemes}
        return {"openapi": version, "paths": paths, "files": self._files, "components": components}

    def _file(self, file: str) -> object:
        if file not in self._files:
            # A file that refers to itself finds this entry, and stops.
            self._files[file] = {}
            self._files[file] = self._rewritten(self._load(file), file)
        return self._files[file]

    def _rewritten(self, value: object, file: str) -> object:
        if isinstance(value, list):
            return [self._rewritten(item, file) for item in value]
        if not isinstance(value, dict):
            return value
        ref = value.get("$ref")
        if isinstance(ref, str):
            return {"$ref": self._reference(ref, file)}
        return {key: self._rewritten(item, file) for key, item in value.items()}

    def _reference(self, ref: str, file: str) -> str:
        target, _, place = ref.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), target)) if target else file
        if target:
            self._file(path)
        return f"#/files/{path.replace('~', '~0').replace('/', '~1')}{place}"


def _base(whole: Mapping[str, object]) -> str:
    """The path of the first server, with the defaults of its variables."""
    server = (whole.get("servers") or [{"url": ""}])[0]
    url = server["url"]
    for name, variable in server.get("variables", {}).items():
        url = url.replace(f"{{{name}}}", str(variable["default"]))
    without_scheme = url.partition("://")[2] or url
    return "/" + without_scheme.partition("/")[2].rstrip("/") if "/" in without_scheme else ""
