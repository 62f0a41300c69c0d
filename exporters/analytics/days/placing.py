"""Puts files into a folder that others read meanwhile: each is whole, or as it was, and never in between."""

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from exporters.analytics.days.versions import Version, write_version

_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS})
"""Another file system, or one that has no hard links, or none to files of another user."""


def place(source: Path, target: Path, *, workshop: Path, link: Callable[[Path, Path], None] = os.link) -> int:
    """Let `target` be what `source` is, by a hard link where there can be one; return its bytes.

    In `workshop`, a folder beside it, it is made ready. A file that stood there is replaced in one step.

    Raises:
        OSError: `target` is as it was.
    """
    workshop.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = workshop / f"{secrets.token_hex(8)}.part"
    try:
        _link_or_copy(source, part, link)
        size = part.stat().st_size
        part.replace(target)
    finally:
        # What is linked to itself stays under both names.
        part.unlink(missing_ok=True)
    return size


def replace(source: Path, target: Path, *, workshop: Path, keep: Sequence[Version]) -> Version:
    """Let `target` hold what is in `source`, a Parquet file, and stay right for who reads the versions to
    keep; return the new one.

    Raises:
        OSError, ValueError: `target` is as it was; ValueError says that `source` is no Parquet file.
    """
    workshop.mkdir(parents=True, exist_ok=True)
    part = workshop / f"{secrets.token_hex(8)}.part"
    try:
        version = write_version(source, target, part, keep=keep)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return version


def remove(target: Path) -> None:
    """Remove a file that may be gone already, and the folder around it if that is empty then.

    Raises:
        OSError: it is still there.
    """
    target.unlink(missing_ok=True)
    with suppress(OSError):
        target.parent.rmdir()


def size_of(path: Path) -> int:
    """Return a file's bytes; -1 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _link_or_copy(source: Path, part: Path, link: Callable[[Path, Path], None]) -> None:
    try:
        link(source, part)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        shutil.copyfile(source, part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
