"""Serves the pages over the fake parts, for looking: `python -m tests.fakes.serve [calm] PORT`."""

import sys

import uvicorn

from app.asgi import create_app
from integrations.clock import SystemClock
from tests.fakes.parts import FakeDialtone, calm, troubled

if __name__ == "__main__":
    lines = calm() if "calm" in sys.argv else troubled()
    app = create_app(FakeDialtone(lines, clock=SystemClock()).parts())
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[-1]), log_level="warning")
