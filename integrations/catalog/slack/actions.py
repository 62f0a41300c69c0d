"""Uploads a file to Slack, which takes three requests, the second of them to an address that the first gives.

https://docs.slack.dev/messaging/working-with-files
"""

from collections.abc import Mapping

import httpx
import msgspec

from integrations.actions import ActionContext, CodeAction
from integrations.execution.call import Answer
from integrations.execution.outcome import FailureKind, Outcome
from integrations.manifest import inputs
from integrations.manifest.requests import USER_AGENT

_SHARED_WITH = ("channel_id", "thread_ts", "initial_comment")


class Upload:
    """Asks for an address, sends the file there, and shares it; its data is the files as Slack has them."""

    async def run(self, context: ActionContext) -> Outcome:
        """Make the three requests; the first that fails is the outcome."""
        content = inputs.raw(context.params["content"])
        form = {"filename": str(context.params["filename"]), "length": str(len(content))}
        asked = await context.send(_method(context, "files.getUploadURLExternal", data=form), idempotent=True)
        place = _object(asked)
        if not asked.outcome.ok or not place.get("upload_url"):
            return _failed(context, asked)
        headers = {"user-agent": USER_AGENT, "content-type": "application/octet-stream"}
        request = httpx.Request("POST", str(place["upload_url"]), headers=headers, content=content)
        sent = await context.send(request, step="upload", idempotent=True)
        if not sent.outcome.ok:
            return context.finish(sent)
        body = _completion(context.params, place.get("file_id"))
        request = _method(context, "files.completeUploadExternal", json=body)
        done = await context.send(request, step="complete", idempotent=False)
        if not done.outcome.ok:
            return context.finish(done)
        return msgspec.structs.replace(context.finish(done), data=_object(done).get("files"))


def _method(
    context: ActionContext,
    name: str,
    *,
    data: Mapping[str, str] | None = None,
    json: Mapping[str, object] | None = None,
) -> httpx.Request:
    url = f"{str(context.config['base_url']).rstrip('/')}/{name}"
    return httpx.Request("POST", url, headers={"user-agent": USER_AGENT}, data=data, json=json)


def _completion(params: Mapping[str, object], file_id: object) -> dict[str, object]:
    file = {"id": file_id, "title": params.get("title") or params["filename"]}
    return {"files": [file], **{name: params[name] for name in _SHARED_WITH if name in params}}


def _object(answer: Answer) -> Mapping[str, object]:
    """The answer's JSON object; an empty one for an answer that holds none."""
    try:
        value = answer.reply.json() if answer.reply is not None else None
    except (ValueError, msgspec.DecodeError):
        value = None
    return value if isinstance(value, dict) else {}


def _failed(context: ActionContext, answer: Answer) -> Outcome:
    outcome = context.finish(answer)
    if not outcome.ok:
        return outcome
    detail = "the vendor's answer names no address to upload to"
    return msgspec.structs.replace(outcome, kind=FailureKind.MALFORMED, detail=detail, data=None)


ACTIONS: Mapping[str, type[CodeAction]] = {"files.upload": Upload}
