"""Where a manifest's requests may go: an address that is written out is at one of the manifest's own hosts.

Where address or hosts come from the configuration or are secrets, registration looks at them.
"""

from collections.abc import Iterator

import httpx

from integrations.manifest.hosts import ForeignHostError, Origins
from integrations.manifest.schema import Manifest
from integrations.manifest.source import Document, Path, Problem


def address_problems(manifest: Manifest, document: Document) -> Iterator[Problem]:
    """The addresses that no request could go to."""
    if any("{" in host for host in manifest.hosts):
        return
    try:
        origins = Origins(manifest.hosts, suffixes=manifest.host_suffixes)
    except httpx.InvalidURL:
        expected = "names of hosts, or addresses"
        yield document.problem(("hosts",), found="an address that is none", expected=expected)
        return
    expected = f"an address at one of `hosts`: {', '.join(manifest.hosts) or 'none'}"
    for path, address in _addresses(manifest):
        if "{" not in address and not _leads_to(address, origins):
            yield document.problem(path, found=repr(address), expected=expected)


def _addresses(manifest: Manifest) -> Iterator[tuple[Path, str]]:
    if not all(action.base_url for action in manifest.actions.values()):
        yield ("base_url",), manifest.base_url
    for name, action in manifest.actions.items():
        if action.base_url:
            yield ("actions", name, "base_url"), action.base_url


def _leads_to(address: str, origins: Origins) -> bool:
    try:
        origins.check(httpx.URL(address))
    except (httpx.InvalidURL, ForeignHostError):
        return False
    return True
