"""Who sends: the resource attributes that metrics, traces and logs share.

Source: https://opentelemetry.io/docs/specs/semconv/resource/.
"""

from collections.abc import Mapping


def resource_attributes(given: Mapping[str, str], *, version: str, instance: str) -> dict[str, str]:
    """This process's attributes, `instance` being its machine's name; what the operator gives goes before."""
    return {
        "service.name": "dialtone",
        "service.version": version,
        "service.instance.id": instance,
        "host.name": instance,
    } | dict(given)
