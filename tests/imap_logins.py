"""Servers that log a client in, one for each mechanism: shared by the tests of the login and of its trace."""

import base64
import hmac
import json
from collections.abc import Callable

import scramp  # type: ignore[import-untyped]

from imap_script import PASSWORD, Visit

TOKEN = "ya29.a0Af_H6SMC~token"
CRAM_CHALLENGE = b"<1896.697170952@mail.example.org>"


class Server:
    """Says what a mechanism's server says, and keeps what it was told. `secret` is what logs in, raw."""

    def __init__(self, mechanism: str, secret: str = PASSWORD) -> None:
        self.mechanism = mechanism
        self.secret = secret
        self.told: list[bytes] = []
        self.asked = 0
        self.secrets: set[bytes] = {secret.encode()}
        """All that nobody else may see, raw."""
        if mechanism.startswith("SCRAM"):
            scram = scramp.ScramMechanism(mechanism)
            account = scram.make_auth_info(secret, iteration_count=4096, salt=b"salt of 16 bytes")
            self._scram = scram.make_server(lambda user: account)

    def talk(self, session: Visit, *, sasl_ir: bool = True) -> None:
        """Greet, and go on until the client has said all, and waits for the server's verdict."""
        # Without LOGINDISABLED, `login` would be the command of that name.
        offers = [b"AUTH=" + self.mechanism.encode(), b"LOGINDISABLED", *([b"SASL-IR"] if sasl_ir else [])]
        session.receive(b"* OK [CAPABILITY " + b" ".join(offers) + b"] hi\r\n")
        line = session.outgoing()
        assert line.startswith(b"A1 AUTHENTICATE " + self.mechanism.encode())
        responses = [base64.b64decode(part) for part in line.split()[3:]]
        for challenge in self._challenges(sasl_ir):
            self.asked += 1
            session.receive(b"+ " + base64.b64encode(challenge(responses)) + b"\r\n")
            response = session.outgoing()
            assert response.endswith(b"\r\n")
            assert response.count(b"\n") == 1
            responses.append(base64.b64decode(response))
        self.told = responses
        self.secrets |= self._said()

    def _challenges(self, sasl_ir: bool) -> list[Callable[[list[bytes]], bytes]]:
        first: list[Callable[[list[bytes]], bytes]] = [] if sasl_ir else [lambda responses: b""]
        match self.mechanism:
            case "CRAM-MD5":
                return [lambda responses: CRAM_CHALLENGE]
            case "LOGIN":
                return [lambda responses: b"User Name\0", lambda responses: b"Password\0"]
            case "PLAIN" | "XOAUTH2" | "OAUTHBEARER":
                return first
            case _:
                return [*first, self._scram_first, self._scram_final]

    def _scram_first(self, responses: list[bytes]) -> bytes:
        self._scram.set_client_first(responses[-1].decode())
        said: str = self._scram.get_server_first()
        return said.encode()

    def _scram_final(self, responses: list[bytes]) -> bytes:
        self._scram.set_client_final(responses[-1].decode())
        said: str = self._scram.get_server_final()
        return said.encode()

    def _said(self) -> set[bytes]:
        """The client's responses that hold the secret, or what was made of it."""
        match self.mechanism:
            case "CRAM-MD5":
                return {self.told[0], self.told[0].split()[-1]}
            case "LOGIN":
                return {self.told[1]}
            case "PLAIN" | "XOAUTH2" | "OAUTHBEARER":
                return {self.told[0]}
            case _:
                return {self.told[1], self.told[1].rpartition(b",p=")[2]}

    def check(self) -> None:
        """Fails unless the client has said the right thing."""
        secret = self.secret.encode()
        digest = hmac.new(secret, CRAM_CHALLENGE, "md5").hexdigest().encode()
        expected = {
            "PLAIN": [b"\0alice\0" + secret],
            "LOGIN": [b"alice", secret],
            "CRAM-MD5": [b"alice " + digest],
            "XOAUTH2": [b"user=alice\1auth=Bearer " + secret + b"\1\1"],
            "OAUTHBEARER": [b"n,a=alice,\1auth=Bearer " + secret + b"\1\1"],
        }
        if self.mechanism in expected:
            assert self.told == expected[self.mechanism]
        else:
            assert self._scram.stage == scramp.core.ServerStage.get_server_final
            assert self.told[2] == b""


BY_PASSWORD = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
BY_TOKEN = ("XOAUTH2", "OAUTHBEARER")


def server_and_client(mechanism: str, show: Callable[[str], None] | None = None) -> tuple[Server, Visit]:
    """Both ends of a login by that mechanism."""
    if mechanism in BY_TOKEN:
        return Server(mechanism, TOKEN), Visit(password=None, token=TOKEN, show=show)
    return Server(mechanism), Visit(show=show)


def bearer_error(**more: str) -> bytes:
    """What a server says of a token that is no longer good (RFC 7628, section 3.2.2)."""
    return base64.b64encode(json.dumps({"status": "401", "error": "invalid_token", **more}).encode())
