"""A Redis in memory, with the few commands that tests ask for, and faults on demand: scripted, on tests/memory.py."""

from collections.abc import Callable
from typing import Any

import hiredis

from ends import Peer
from memory import Network

OK = b"+OK\r\n"
NO_LOGIN = b"-NOAUTH Authentication required.\r\n"
NOT_A_NUMBER = b"-ERR value is not an integer or out of range\r\n"


class FakeRedis:
    """Serves at `port` of a network. `commands` is what came, a list of words each."""

    def __init__(self, net: Network, port: Any = 6379, wrapped: Callable[[Any], Any] = lambda factory: factory) -> None:
        self.net = net
        self.port = port
        self.values: dict[bytes, bytes] = {}
        self.password: bytes | None = None
        self.user = b"default"
        self.info = b"# Server\r\nredis_version:7.0.15\r\n"
        self.answers: dict[bytes, bytes] = {}
        """A reply in place of a command's own, by its name."""
        self._held: list[tuple[Peer, bytes]] | None = None
        self.loses_answers = 0
        """So many commands are carried out, and the connection is cut in place of the answer."""
        self.commands: list[list[bytes]] = []
        self.peers: list[Peer] = []
        self._readers: dict[int, tuple[Any, list[bytes]]] = {}
        self._wrapped = wrapped
        self.up()

    @property
    def is_silent(self) -> bool:
        """Whether it is paused. What it was told meanwhile is answered, in order, when it goes on."""
        return self._held is not None

    @is_silent.setter
    def is_silent(self, silent: bool) -> None:
        held = self._held or []
        self._held = held if silent else None
        if not silent:
            for peer, reply in held:
                if peer.lost is None:
                    peer.say(reply)

    def up(self) -> None:
        self.net.scripted(self.port, self._hears, self._meets, self._wrapped)

    def down(self) -> None:
        """Killed: nobody listens, and every connection is cut."""
        self.net.ports.pop(self.port, None)
        self.cut()

    def cut(self) -> None:
        peers, self.peers = self.peers, []
        for peer in peers:
            if peer.lost is None:
                peer.cut()

    def named(self, name: bytes) -> list[list[bytes]]:
        return [words for words in self.commands if words[0] == name]

    def _meets(self, peer: Peer) -> None:
        self.peers.append(peer)
        self._readers[id(peer)] = (hiredis.Reader(), [])

    def _hears(self, peer: Peer, data: bytes) -> None:
        reader, login = self._readers[id(peer)]
        reader.feed(data)
        while (words := reader.gets()) is not False:
            self.commands.append(words)
            reply = self._reply(words, login)
            if self.loses_answers and words[0] == b"INCRBY":
                self.loses_answers -= 1
                peer.cut()
                return
            if self._held is None:
                peer.say(reply)
            else:
                self._held.append((peer, reply))

    def _reply(self, words: list[bytes], login: list[bytes]) -> bytes:
        name = words[0]
        if name in self.answers:
            return self.answers[name]
        if name == b"AUTH":
            *user, password = words[1:]
            if self.password is None or password != self.password or (user or [b"default"]) != [self.user]:
                return b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
            login.append(self.user)
            return OK
        if self.password is not None and not login:
            return NO_LOGIN
        return {
            b"PING": lambda: b"+PONG\r\n",
            b"SELECT": lambda: OK,
            b"INFO": lambda: b"$%d\r\n%s\r\n" % (len(self.info), self.info),
            b"XREAD": lambda: b"*-1\r\n",
            b"GET": lambda: b"$1\r\n7\r\n",
            b"SET": lambda: self._set(words),
            b"INCRBY": lambda: self._incrby(words[1], int(words[2])),
        }[name]()

    def _set(self, words: list[bytes]) -> bytes:
        assert words[3:] == [b"NX"]
        if words[1] in self.values:
            return b"$-1\r\n"
        self.values[words[1]] = words[2]
        return OK

    def _incrby(self, key: bytes, count: int) -> bytes:
        try:
            value = int(self.values.get(key, b"0")) + count
        except ValueError:
            return NOT_A_NUMBER
        self.values[key] = b"%d" % value
        return b":%d\r\n" % value
