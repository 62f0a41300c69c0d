"""Whether a manifest's canaries hold together: their actions, params, and the values they are filled with."""

from collections.abc import Iterator, Mapping

from integrations.manifest import pointers
from integrations.manifest.evidence import Canary, CanaryStep
from integrations.manifest.schema import Manifest
from integrations.manifest.source import Document, Path, Problem, nearest
from integrations.manifest.templates import Template

MARKER = "marker"


def canary_problems(manifest: Manifest, document: Document) -> Iterator[Problem]:
    """Everything that does not hold together, with its line."""
    for index, canary in enumerate(manifest.canaries):
        yield from _Rules(manifest, document, canary).problems(("canaries", index))


class _Rules:
    """The rules of one canary. `known` are the names that have a value, more with each step."""

    def __init__(self, manifest: Manifest, document: Document, canary: Canary) -> None:
        self._manifest = manifest
        self._document = document
        self._canary = canary
        self._known = {MARKER, *(f"given.{name}" for name in canary.given)}
        self._used: set[str] = set()

    def problems(self, path: Path) -> Iterator[Problem]:
        canary = self._canary
        yield from self._one_of((*path, "capability"), canary.capability, self._manifest.capabilities)
        if not canary.steps or not canary.cleanup:
            yield self._problem(path, "no steps, or no cleanup", "both")
        for key, steps in (("steps", canary.steps), ("cleanup", canary.cleanup)):
            for index, step in enumerate(steps):
                yield from self._step((*path, key, index), step)
        if MARKER not in self._used:
            yield self._problem(path, "no {marker}", "it in the name of what the canary makes")
        for name in canary.given:
            if f"given.{name}" not in self._used:
                yield self._problem((*path, "given", name), "a setting that is not used", "a use of it")

    def _step(self, path: Path, step: CanaryStep) -> Iterator[Problem]:
        yield from self._one_of((*path, "action"), step.action, self._manifest.actions)
        action = self._manifest.actions.get(step.action)
        if action is not None:
            for name in step.params:
                yield from self._one_of((*path, "params", name), name, action.input)
            for name, declared in action.input.items():
                if declared.required and name not in step.params:
                    yield self._problem((*path, "params"), f"no {name}", "every required input")
        for text in _texts(step.params):
            yield from self._text((*path, "params"), text)
        for name, pointer in step.take.items():
            yield from self._pointer((*path, "take", name), pointer)
            self._known.add(f"taken.{name}")

    def _text(self, path: Path, text: str) -> Iterator[Problem]:
        try:
            names = Template(text).names
        except ValueError as error:
            yield self._problem(path, "", str(error))
            return
        self._used |= set(names)
        for name in names:
            yield from self._one_of(path, name, self._known)

    def _pointer(self, path: Path, pointer: str) -> Iterator[Problem]:
        try:
            pointers.parse(pointer)
        except ValueError as error:
            yield self._problem(path, "", str(error))

    def _one_of(self, path: Path, word: str, valid: Mapping[str, object] | set[str]) -> Iterator[Problem]:
        if word not in valid:
            expected = f"one of {', '.join(sorted(valid)) or 'none'}"
            yield self._document.problem(
                path, found=repr(word), expected=expected, nearest=nearest(word, valid)
            )

    def _problem(self, path: Path, found: str, expected: str) -> Problem:
        return self._document.problem(path, found=found, expected=expected)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)
