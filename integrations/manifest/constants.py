"""The constant part of a JSON body. Its texts are templates: a vendor may want a credential in the body."""

from collections.abc import Callable, Iterator

from integrations.manifest.templates import Lookup, Template


def texts(constant: object) -> Iterator[str]:
    """All texts that a constant holds, at any depth."""
    if isinstance(constant, str):
        yield constant
    elif isinstance(constant, (dict, list)):
        for item in constant.values() if isinstance(constant, dict) else constant:
            yield from texts(item)


def prepared(constant: object) -> Callable[[Lookup], object]:
    """What makes a copy of the constant with its texts filled in; they are parsed here, once.

    Raises:
        ValueError: when a text is no template.
    """
    if isinstance(constant, str):
        return Template(constant).fill
    if isinstance(constant, dict):
        fields = {name: prepared(item) for name, item in constant.items()}
        return lambda lookup: {name: fill(lookup) for name, fill in fields.items()}
    if isinstance(constant, list):
        items = [prepared(item) for item in constant]
        return lambda lookup: [fill(lookup) for fill in items]
    return lambda _: constant
