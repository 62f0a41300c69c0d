"""What storage refuses, and why.

StorageError
├─ StorageUnavailable    a unit could not be stored in time, or storage is closed
│  └─ StorageBusy        the queue is full: refused at once, nothing was tried
├─ StorageDamaged        the file is no sound database; the start is refused
├─ SchemaUnknown         written by a newer Dialtone, or by another program
├─ DriverMissing         PostgreSQL is asked for and its driver is not installed
└─ StateDirectoryLocked  another process uses the state directory
"""


class StorageError(Exception):
    """The root of what storage raises itself; its message says what to do next."""


class StorageUnavailable(StorageError):
    """A unit could not be stored within its deadline, or storage is closed."""


class StorageBusy(StorageUnavailable):
    """The queue is full; nothing of the unit was tried, so trying again later is safe."""


class StorageDamaged(StorageError):
    """The database failed its check at the start."""


class SchemaUnknown(StorageError):
    """The database holds a schema that this version does not know."""


class DriverMissing(StorageError):
    """The database's driver is not installed."""


class StateDirectoryLocked(StorageError):
    """Another process holds the state directory."""
