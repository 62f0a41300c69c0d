"""A report as one HTML page: no script, nothing fetched, drawn in SVG, and fit to print."""

from app.web.drawing import Drawing
from app.web.report.charts import STRIP_KEY
from app.web.report.composing import compose
from app.web.report.document import SIGNS
from exporters.analytics.report.outcome import Report


def page(report: Report) -> str:
    """Return the page."""
    drawing = Drawing(version="")
    return drawing.draw("report.html", document=compose(report), signs=SIGNS, strip_key=STRIP_KEY)
