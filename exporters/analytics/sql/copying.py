"""Copies one file, as a program of its own: `python -I -S copying.py FROM TO`.

A process that closes a file loses all its locks on it (POSIX fcntl), and DuckDB keeps others out of its file
by such a lock: so the process that has the database open must not be the one that copies it.
"""

import shutil
import sys

if __name__ == "__main__":
    shutil.copyfile(sys.argv[1], sys.argv[2])
