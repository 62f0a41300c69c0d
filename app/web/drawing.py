"""Draws pages from templates: everything put in is escaped, and a name that is missing is an error."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from app.web import words


class Drawing:
    """The templates, ready to be filled; may be used from any thread."""

    def __init__(self, *, version: str) -> None:
        self._environment = Environment(
            loader=PackageLoader("app.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["version"] = version
        for function in (
            words.ago,
            words.until,
            words.span,
            words.stamp,
            words.exact,
            words.day_time,
            words.clock_time,
            words.latency,
            words.share,
            words.number,
            words.plural,
        ):
            self._environment.globals[function.__name__] = function
        self._environment.globals["state_words"] = words.STATES

    def draw(self, template: str, **values: object) -> str:
        """Return a template as text, filled with values."""
        return self._environment.get_template(template).render(**values)
