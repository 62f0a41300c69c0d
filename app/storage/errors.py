"""What storage refuses, and why.

StorageError
├─ StorageUnavailableError    a unit could not be stored in time, or storage is closed
│  └─ StorageBusyError        the queue is full: refused at once, nothing was tried
├─ StorageDamagedError        the file is no sound database; the start is refused
├─ UnknownSchemaError         written by a newer Dialtone, or by another program
├─ VaultKeyError              the key that encrypts credentials cannot be used
├─ MissingDriverError         PostgreSQL is asked for and its driver is not installed
├─ StateDirectoryError        the state directory cannot be made or written
└─ StateDirectoryLockedError  another process uses the state directory
"""


class StorageError(Exception):
    """The root of what storage raises itself; its message says what to do next."""


class StorageUnavailableError(StorageError):
    """A unit could not be stored within its deadline, or storage is closed."""


class StorageBusyError(StorageUnavailableError):
    """The queue is full; nothing of the unit was tried, so trying again later is safe."""


class StorageDamagedError(StorageError):
    """The database failed its check at the start."""


class UnknownSchemaError(StorageError):
    """The database holds a schema that this version does not know."""


class VaultKeyError(StorageError):
    """The key that encrypts what is secret cannot be read, or is none."""


class MissingDriverError(StorageError):
    """The database's driver is not installed."""


class StateDirectoryError(StorageError):
    """The state directory cannot be made or written."""


class StateDirectoryLockedError(StorageError):
    """Another process holds the state directory."""
