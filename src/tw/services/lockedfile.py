"""A small file that one process owns: locked, and replaced whole or not at all.

The lock (flock) is on the file itself, so that no second file stays behind. A replacement is a new inode: it is locked
before it takes the name, and whoever gets a lock looks whether the name still means that inode.
"""

import errno
import fcntl
import os
import secrets
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tw.core.text import safe
from tw.errors import LocalError

CONTENT_LIMIT_BYTES = 4096
MODE = 0o600
NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
OLD_FILE = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class LockedFile:
    """The file at `path`, made with `content` where there is none; `created` tells, `content` is what it held.

    A symbolic link is followed once, here: the file that it points to is replaced, and the link stays. Every method
    raises LocalError for what the system refuses; the file is then as it was.
    """

    def __init__(self, path: str, content: bytes) -> None:
        self._where = safe(path)
        self._fd = -1
        self.created = False
        self.content = content
        with self._told("cannot open the state"):
            self._path = os.path.realpath(path)
            self._directory, name = os.path.split(self._path)
            self._prefix = f".tw-{zlib.crc32(os.fsencode(name)):08x}-"
            while not (self._open() or self._create()):
                continue  # another process made, replaced or removed it in between

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    # Opening --------------------------------------------------------------------------------------------------------

    def _open(self) -> bool:
        """Lock the file that is there; False where there is none (any more)."""
        try:
            fd = os.open(self._path, OLD_FILE)
        except FileNotFoundError:
            return False
        try:
            self._claim(fd)
            if not self._names(fd):
                os.close(fd)
                return False
            self.content = os.read(fd, CONTENT_LIMIT_BYTES)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        self._sweep()
        return True

    def _claim(self, fd: int) -> None:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise LocalError("the state is not a regular file", self._where, "name another file")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "stop the other server, or give each its own file"
            raise LocalError("the state is in use by another server", self._where, hint) from None

    def _names(self, fd: int) -> bool:
        """Whether the path means the file that `fd` is open on."""
        try:
            return os.path.samestat(os.stat(self._path, follow_symlinks=False), os.fstat(fd))
        except FileNotFoundError:
            return False

    def _create(self) -> bool:
        """Make the file, locked and whole from the start; False where another process was faster."""
        self._fd, temporary = self._write_new(self.content, MODE)
        try:
            try:
                self._publish(temporary)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)
            self.created = True
            self._sync_directory()
        except FileExistsError:
            self.close()
            return False
        except BaseException:
            if self.created:
                os.unlink(self._path)
            self.close()
            raise
        return True

    def _publish(self, temporary: str) -> None:
        """Give a new file its name. A rename would replace what another process has just made."""
        try:
            os.link(temporary, self._path)
        except FileExistsError:
            raise
        except OSError:
            # FAT and some shared folders have no hard links. Two first starts in one moment are not told apart there.
            if os.path.lexists(self._path):
                raise
            os.rename(temporary, self._path)

    def _sweep(self) -> None:
        """Remove what a process that was killed left behind: temporary files that no other holds a lock on."""
        with suppress(OSError):
            for name in os.listdir(self._directory):
                if name.startswith(self._prefix):
                    self._remove_left(os.path.join(self._directory, name))

    def _remove_left(self, path: str) -> None:
        fd = os.open(path, OLD_FILE)
        try:
            # One that was killed between `link` and `unlink` left a second name of the file that we hold.
            if not os.path.samestat(os.fstat(fd), os.fstat(self._fd)):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
        except BlockingIOError:
            pass
        finally:
            os.close(fd)

    # Writing --------------------------------------------------------------------------------------------------------

    def replace(self, content: bytes) -> None:
        """Put `content` in the file's place, on the disk when this returns. Mode and owner stay."""
        with self._told("cannot write the state"):
            if not self.is_open:
                raise LocalError("the state is closed", self._where)
            if os.path.lexists(self._path) and not self._names(self._fd):
                raise LocalError("the state was replaced by another process", self._where, "start again")
            old = os.fstat(self._fd)
            fd, temporary = self._write_new(content, stat.S_IMODE(old.st_mode), old)
            try:
                os.replace(temporary, self._path)
            except BaseException:
                os.close(fd)
                os.unlink(temporary)
                raise
            os.close(self._fd)
            self._fd = fd
            self._sync_directory()

    def _write_new(self, content: bytes, mode: int, owner: os.stat_result | None = None) -> tuple[int, str]:
        """A temporary file beside the file, locked, with its content on the disk: its descriptor and its path."""
        path = os.path.join(self._directory, f"{self._prefix}{secrets.token_hex(8)}.tmp")
        fd = os.open(path, NEW_FILE, MODE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if owner is not None:
                with suppress(PermissionError):
                    os.fchown(fd, owner.st_uid, owner.st_gid)
            os.fchmod(fd, mode)
            while content:
                content = content[os.write(fd, content) :]
            os.fsync(fd)
        except BaseException:
            os.close(fd)
            os.unlink(path)
            raise
        return fd, path

    def _sync_directory(self) -> None:
        fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        except OSError as problem:
            if problem.errno != errno.EINVAL:  # file systems that know no fsync of a directory say so in this way
                raise
        finally:
            os.close(fd)

    # Ending ---------------------------------------------------------------------------------------------------------

    def remove(self) -> None:
        """Remove the file, while it is locked, and close."""
        with self._told("cannot remove the state"):
            if self._names(self._fd):
                os.unlink(self._path)
        self.close()

    def close(self) -> None:
        """Unlock. Safe to call again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            reason = (problem.strerror or str(problem)).lower()
            raise LocalError(f"{what}: {safe(reason)}", self._where, "name a file that can be written") from problem
        except ValueError as problem:
            raise LocalError(f"{what}: {safe(str(problem))}", self._where) from problem
