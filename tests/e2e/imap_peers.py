"""What stands where an IMAP server should: one that misbehaves as a test says, and one that listens in between."""

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from e2e.harness import TIMEOUT_S

GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n"
STARTTLS_GREETING = b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"
HEADER = b"Subject: The first\r\n\r\n"
FETCHED = b"* 1 FETCH (UID 7 BODY[HEADER.FIELDS (SUBJECT FROM DATE)] {%d}\r\n"
WHOLE = FETCHED % len(HEADER) + HEADER + b")\r\nA3 OK done\r\n"


class Peer:
    """The server's end of one connection. `heard` is all that came, decrypted where TLS is on."""

    def __init__(self, port: int) -> None:
        self.logged_in = threading.Event()
        self.port = port
        self.heard = b""
        self._socket = socket.socket()

    @property
    def strport(self) -> str:
        return f"tcp:localhost:{self.port}"

    def accept(self, listener: socket.socket) -> None:
        self._socket.close()
        self._socket, _ = listener.accept()
        self._socket.settimeout(TIMEOUT_S)

    def start_tls(self, context: ssl.SSLContext) -> None:
        self._socket = context.wrap_socket(self._socket, server_side=True)

    def say(self, data: bytes) -> None:
        self._socket.sendall(data)

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> bytes:
        """What the client says next; raises ConnectionError where it leaves instead."""
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionError("the client left")
        self.heard += data
        return data

    def hear(self, words: bytes) -> None:
        """Wait for these words; raises ConnectionError where the client leaves first."""
        before = len(self.heard)
        while words not in self.heard[before:]:
            self.receive()

    def hear_all(self) -> None:
        """Wait until the client leaves."""
        with suppress(ConnectionError):
            while True:
                self.receive()

    def drip(self, data: bytes, every_s: float) -> None:
        """Say `data` a byte at a time until the client leaves."""
        for byte in data:
            if select.select([self], [], [], every_s)[0]:
                self.receive()
            self.say(bytes([byte]))

    def log_in(self) -> None:
        """Greet, and take any password."""
        self.say(GREETING)
        self.hear(b"A1 AUTHENTICATE PLAIN ")
        self.say(b"A1 OK in\r\n")
        self.logged_in.set()

    def open(self) -> None:
        """Greet, take any password and open any mailbox, with one message in it."""
        self.log_in()
        self.hear(b"A3 FETCH")
        self.say(b"* 1 EXISTS\r\nA2 OK [READ-ONLY] open\r\n")

    def close(self) -> None:
        self._socket.close()


@contextmanager
def scripted(play: Callable[[Peer], None]) -> Iterator[Peer]:
    """A server on a free port that plays its part to one client and then closes. The client may leave at any time."""

    def serve() -> None:
        try:
            with suppress(OSError):  # ssl.SSLError is one
                peer.accept(listener)
                play(peer)
        finally:
            peer.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = Peer(listener.getsockname()[1])
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield peer
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()


@contextmanager
def relay(host: str, port: int, rewrite: Callable[[bytes], bytes] = lambda said: said) -> Iterator[Peer]:
    """A man in the middle before `host` and `port`: hears what the client says, and rewrites what the server says."""

    def play(peer: Peer) -> None:
        with socket.create_connection((host, port), TIMEOUT_S) as server:
            while True:
                readable, _, _ = select.select([server, peer], [], [], TIMEOUT_S)
                if peer in readable:
                    server.sendall(peer.receive())
                if server in readable:
                    said = server.recv(65_536)
                    if not said:
                        return
                    peer.say(rewrite(said))

    with scripted(play) as peer:
        yield peer
