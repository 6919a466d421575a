"""A host of a laboratory: where its programs are started, and its sockets opened."""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
from array import array
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

CLONE_NEWNET = 0x40000000
"""sched.h's: a network namespace."""

SIOCETHTOOL = 0x8946
OFFLOADS = (0x17, 0x1F, 0x24)
"""linux/ethtool.h: ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO."""

THREADS = 4
"""What may be under way on a host at once."""


class Host:
    """Work for threads. Here they are in the same network as everybody; in a `Space` they are in one of their own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._threads = ThreadPoolExecutor(THREADS, name, initializer=self._enter)

    def _enter(self) -> None:
        """What each thread does first."""

    def begin(self, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> "Future[T]":
        return self._threads.submit(work, *args, **more)

    def inside(self, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        """Do it there: sockets that it opens and programs that it starts stay there, whoever uses them."""
        return self.begin(work, *args, **more).result()

    def close(self) -> None:
        self._threads.shutdown()


class Space(Host):
    """A network namespace without a name: it is gone with this process, or once it is closed and nothing runs there.

    A namespace belongs to a thread, and what a thread starts is born in it. Raises OSError where it is not allowed.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._descriptor = -1
        with ThreadPoolExecutor(1) as other:
            self._descriptor = other.submit(_new_network).result()
        self.ip("link set lo up")

    def _enter(self) -> None:
        _call("setns", self._descriptor, CLONE_NEWNET)

    @property
    def path(self) -> str:
        """As `ip link set … netns` takes it."""
        return f"/proc/{os.getpid()}/fd/{self._descriptor}"

    def ip(self, *commands: str) -> None:
        """ip(8) there, once for all of them."""
        lines = "\n".join(commands)
        done = self.inside(
            subprocess.run, ["ip", "-batch", "-"], input=lines, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, (lines, done.stderr)

    def send_plain(self, interface: str) -> None:
        """Let it send frames of the wire's size with their checksums, or nobody could carry them on as they are."""
        for command in OFFLOADS:
            self.inside(_set_offload, interface, command)

    def close(self) -> None:
        super().close()
        os.close(self._descriptor)


def _new_network() -> int:
    """A descriptor of it: the thread that calls this is in it from now on."""
    _call("unshare", CLONE_NEWNET)
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _set_offload(interface: str, command: int) -> None:
    """Switch it off (ethtool's `struct ethtool_value`, which `struct ifreq` points at)."""
    value = array("I", [command, 0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), value.buffer_info()[0]))


def _call(name: str, *arguments: int) -> None:
    """A system call that Python 3.11 has no name for."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
