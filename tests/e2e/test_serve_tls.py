"""`tw serve echo` over TLS against what `openssl s_client` can do and Python cannot ask for."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.harness import TIMEOUT_S, Server, serving
from e2e.programs import need

KEY_UPDATE = "Handshake [length 0005], KeyUpdate"


class Talk:
    """A conversation with `openssl s_client`: everything it prints, a line at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.printed = ""

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def wait_for(self, words: str) -> str:
        """Wait for a line with these words, and give all that was printed since the last one waited for."""
        assert self.process.stdout is not None
        start = len(self.printed)
        for line in self.process.stdout:
            self.printed += line
            if words in line:
                return self.printed[start:]
        raise AssertionError(f"no {words!r}: {self.printed}")


@contextmanager
def s_client(server: Server, *options: str) -> Iterator[Talk]:
    need("openssl")
    process = subprocess.Popen(
        ["openssl", "s_client", "-connect", server.target, *options, "-no_ign_eof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watch = threading.Timer(TIMEOUT_S, process.kill)
    watch.start()
    try:
        yield Talk(process)
        process.communicate()  # at the end of its input it leaves
    finally:
        watch.cancel()
        process.kill()
        process.communicate()


def test_a_key_update_is_answered_before_the_next_data() -> None:
    """RFC 8446, 4.6.3: whoever is asked for new keys tells of his own before he says anything more."""
    with serving("echo", "--tls-self-signed") as server:
        with s_client(server, "-tls1_3", "-msg") as talk:
            talk.say("first line")
            assert KEY_UPDATE not in talk.wait_for("first line")
            for number in range(3):
                talk.say("K")
                talk.wait_for("KEYUPDATE")
                talk.say(f"again {number}")
                talk.wait_for(f"again {number}")
                assert talk.printed.count(f"<<< TLS 1.3, {KEY_UPDATE}") == number + 1
        assert server.stop()["sent_bytes"] == len("first line\n" + "again 0\n" * 3)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("limit", [512, 4096])
def test_a_client_that_takes_short_records_only_gets_all_back(version: str, limit: int) -> None:
    """RFC 6066, 4: with max_fragment_length OpenSSL takes less at a time than it is given."""
    line = "x" * 3000
    with serving("echo", "--tls-self-signed") as server:
        with s_client(server, version, "-maxfraglen", str(limit), "-quiet") as talk:
            for number in range(3):
                talk.say(f"{line}{number}")
                talk.wait_for(f"{line}{number}")
        summary = server.stop()
        assert summary["received_bytes"] == summary["sent_bytes"] == 3 * len(f"{line}0\n")


def test_a_client_that_asks_to_renegotiate_is_told_no() -> None:
    """With an alert (RFC 5246, 7.2.2) that nothing else would carry; OpenSSL's client takes it for the end."""
    with serving("echo", "--tls-self-signed") as server:
        with s_client(server, "-tls1_2") as talk:
            talk.say("first line")
            talk.wait_for("first line")
            talk.say("R")
            talk.wait_for("no renegotiation")
