"""The demo: Dialtone as it is, with the simulator as its vendors, live traffic, and faults now and then."""

from app.demo.run import run_demo

__all__ = ["run_demo"]
