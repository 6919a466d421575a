"""`tw serve pubsub --slow block` over TLS: who is held, who is stuck, and who is in the middle of a handshake."""

import select
import socket
import ssl
import threading

from e2e.harness import TIMEOUT_S, Server, serving

DATA = b"".join(b"%07d" % number + b"y" * 992 + b"\n" for number in range(32_000))
OPTIONS = ("--slow", "block", "--backlog", "1M", "--no-prefix", "--no-echo", "--tls-self-signed", "--access-log")


def _connect(server: Server, *, room_bytes: int | None = None) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = socket.socket()
    plain.settimeout(TIMEOUT_S)
    if room_bytes is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room_bytes)
    plain.connect(("127.0.0.1", server.port))
    return context.wrap_socket(plain)


class _Pushing:
    """A publisher that pushes all it has, as fast as the server takes it."""

    def __init__(self, client: ssl.SSLSocket) -> None:
        self.sent_bytes = 0
        self._client = client
        self.thread = threading.Thread(target=self._push, daemon=True)
        self.thread.start()

    def _push(self) -> None:
        while self.sent_bytes < len(DATA):
            self.sent_bytes += self._client.send(DATA[self.sent_bytes : self.sent_bytes + 16_384])

    def wait_until_held(self, server: Server) -> None:
        """Until the server takes no more, and has nothing else to do."""
        server.wait_until_idle()
        while select.select([], [self._client], [], 0)[1]:
            assert self.sent_bytes < len(DATA)
            server.wait_until_idle()


def test_publishers_wait_newcomers_shake_hands_and_nothing_is_lost() -> None:
    with serving("pubsub", *OPTIONS, "--block-timeout", "10m") as server:
        with _connect(server, room_bytes=4096) as late, _connect(server) as publisher:
            pushing = _Pushing(publisher)
            pushing.wait_until_held(server)
            with _connect(server) as newcomer:
                assert newcomer.version() is not None
                got = bytearray()
                while len(got) < len(DATA):
                    data = late.recv(1 << 16)
                    assert data
                    got += data
                    newcomer.settimeout(0)
                    try:
                        newcomer.recv(1 << 20)
                    except ssl.SSLWantReadError:
                        continue
            pushing.thread.join(TIMEOUT_S)
            assert got == DATA
            summary = server.stop()
    assert summary["dropped_lines"] == 0
    assert summary["pauses"] >= 1


def test_one_that_is_stuck_goes_and_publishers_go_on() -> None:
    with serving("pubsub", *OPTIONS, "--block-timeout", "1s") as server:
        with _connect(server, room_bytes=4096), _connect(server) as publisher:
            server.wait_for("open")
            pushing = _Pushing(publisher)
            drop = server.wait_for("drop")
            pushing.thread.join(TIMEOUT_S)
            assert pushing.sent_bytes == len(DATA)
            assert drop["id"] == 1
            summary = server.stop()
    assert (summary["dropped_lines"], summary["slow_consumers"]) == (drop["lines"], 1)
    assert summary["paused_ms"] >= 1000
