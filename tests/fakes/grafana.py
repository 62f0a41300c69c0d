"""A Grafana for the commands: folders, boards and data sources in memory, behind a token."""

import json
from urllib.parse import unquote

import httpx

TOKEN = "glsa_a-canary-that-no-output-may-show"
PROMETHEUS = {"id": 1, "uid": "p1", "name": "Main Prometheus", "type": "prometheus", "url": "http://p"}
INFINITY = {
    "id": 2,
    "uid": "i1",
    "name": "Dialtone",
    "type": "yesoreyeram-infinity-datasource",
    "url": "http://d",
}


class FakeGrafana:
    """Answers like Grafana's HTTP API; `known` are the queries that Prometheus has a result for."""

    def __init__(self) -> None:
        self.folders: dict[str, str] = {}
        self.boards: dict[str, dict[str, object]] = {}
        self.folder_of: dict[str, str] = {}
        self.sources: list[dict[str, object]] = [PROMETHEUS, INFINITY]
        self.known = {"count(dialtone_build_info)", "count(fleet:dialtone_calls:rate5m)"}
        self.saves = 0
        self.refuse: httpx.Response | None = None
        """What every request that writes is answered with."""

    def client(self, _: str) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = unquote(request.url.path)
        if path == "/api/health":
            return httpx.Response(200, json={"database": "ok", "version": "12.3.0"})
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return httpx.Response(401, json={"message": "Unauthorized"})
        if request.method == "POST":
            return self.refuse or self._written(path, json.loads(request.content))
        return self._read(path, dict(request.url.params))

    def _written(self, path: str, body: dict[str, object]) -> httpx.Response:
        if path == "/api/folders":
            self.folders[str(body["uid"])] = str(body["title"])
            return httpx.Response(200, json=body)
        assert path == "/api/dashboards/db"
        board = body["dashboard"]
        assert isinstance(board, dict)
        assert body["folderUid"] in self.folders
        uid = str(board["uid"])
        self.saves += 1
        self.folder_of[uid] = str(body["folderUid"])
        self.boards[uid] = {**board, "id": len(self.boards) + 1, "version": self.saves, "preload": False}
        return httpx.Response(200, json={"uid": uid, "status": "success"})

    def _read(self, path: str, params: dict[str, str]) -> httpx.Response:
        kind, _, rest = path.removeprefix("/api/").partition("/")
        if kind == "folders" and rest in self.folders:
            return httpx.Response(200, json={"uid": rest, "title": self.folders[rest]})
        if kind == "dashboards" and (board := self.boards.get(rest.removeprefix("uid/"))):
            return httpx.Response(200, json={"dashboard": board, "meta": {}})
        if path == "/api/datasources":
            return httpx.Response(200, json=self.sources)
        if kind == "datasources":
            result = [{"value": [0, "1"]}] if params["query"] in self.known else []
            return httpx.Response(200, json={"status": "success", "data": {"result": result}})
        return httpx.Response(404, json={"message": "not found"})
