"""Inbound webhooks that an operator describes, for a vendor that has no folder: checked like a manifest's."""

from collections.abc import Iterator, Mapping

from integrations.manifest.decoding import decode
from integrations.manifest.inbound import Webhooks
from integrations.manifest.inbound_rules import inbound_problems, templates
from integrations.manifest.source import Document, Problem, SourceError
from integrations.manifest.templates import Template

_SAID = 5


def read_webhooks(value: Mapping[str, object]) -> Webhooks:
    """The webhooks that an operator describes.

    Raises:
        ValueError: saying what is wrong and what is expected instead.
    """
    document = Document(name="webhooks", value=dict(value), lines={})
    try:
        webhooks = decode(document, Webhooks)
    except SourceError as error:
        raise ValueError(_told(error.problems)) from error
    if found := list(_problems(webhooks, document)):
        raise ValueError(_told(found))
    return webhooks


def _problems(webhooks: Webhooks, document: Document) -> Iterator[Problem]:
    for path, found, expected in inbound_problems(webhooks):
        yield document.problem(path, found=found, expected=expected)
    for path, text in templates(webhooks):
        # Whoever writes this knows the values; a field of the configuration would only stand between.
        if _holds_a_name(text):
            yield document.problem(path, found=text, expected="the value itself, without {...}")


def _holds_a_name(text: str) -> bool:
    try:
        return bool(Template(text).names)
    except ValueError:
        return True


def _told(problems: tuple[Problem, ...] | list[Problem]) -> str:
    said = (
        f"{one.key}: {one.expected}"
        + (f" (found {one.found})" if one.found else "")
        + (f"; did you mean {one.nearest}?" if one.nearest else "")
        for one in problems[:_SAID]
    )
    return "webhooks as docs/webhooks.md says: " + "; ".join(said)


def webhooks_in(config: Mapping[str, object]) -> Webhooks | None:
    """What an operator says of webhooks in a connection's values, as `read_fields` gives them."""
    return next((value for value in config.values() if isinstance(value, Webhooks)), None)
