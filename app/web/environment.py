"""The templates of pages: everything put in is escaped, and a name that is missing is an error."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from app.web import words


def make_environment(*, version: str) -> Environment:
    """Return them, ready to be filled."""
    environment = Environment(
        loader=PackageLoader("app.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["version"] = version
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
        environment.globals[function.__name__] = function
    environment.globals["state_words"] = words.STATES
    return environment
