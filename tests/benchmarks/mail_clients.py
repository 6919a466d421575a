"""The clients that `tw imap first-subject` is held against: a careful script on each library, a process of its own.

`python mail_clients.py CLIENT PORT CA_FILE PASSWORD_FILE` logs in as alice on localhost over verified TLS, opens INBOX
read-only and prints the first message's subject. Each imports what it needs and nothing else.
"""

import sys
from typing import Any


def imaplib_client(port: int, ca_file: str, password: str) -> str:
    import email
    import email.policy
    import imaplib
    import ssl

    with imaplib.IMAP4_SSL("localhost", port, ssl_context=ssl.create_default_context(cafile=ca_file)) as client:
        client.login("alice", password)
        client.select("INBOX", readonly=True)
        _, parts = client.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        header: Any = parts[0]
        return str(email.message_from_bytes(header[1], policy=email.policy.default)["subject"])


def imapclient_client(port: int, ca_file: str, password: str) -> str:
    import email
    import email.policy
    import ssl

    from imapclient import IMAPClient

    with IMAPClient("localhost", port, ssl_context=ssl.create_default_context(cafile=ca_file)) as client:
        client.login("alice", password)
        client.select_folder("INBOX", readonly=True)
        key = b"BODY[HEADER.FIELDS (SUBJECT)]"
        header = client.fetch([1], ["BODY.PEEK[HEADER.FIELDS (SUBJECT)]"])[1][key]
        return str(email.message_from_bytes(header, policy=email.policy.default)["subject"])


def twisted_client(port: int, ca_file: str, password: str) -> str:
    from twisted.internet import endpoints, ssl, task
    from twisted.internet.protocol import Factory
    from twisted.mail.imap4 import IMAP4Client

    subjects: list[str] = []

    async def main(reactor: Any) -> None:
        with open(ca_file, "rb") as file:
            authority = ssl.Certificate.loadPEM(file.read())
        options = ssl.optionsForClientTLS("localhost", trustRoot=authority)
        endpoint = endpoints.wrapClientTLS(options, endpoints.HostnameEndpoint(reactor, "localhost", port))
        client: Any = await endpoint.connect(Factory.forProtocol(IMAP4Client))
        await client.login(b"alice", password.encode())
        await client.examine("INBOX")
        envelopes = await client.fetchEnvelope("1")
        subjects.append(envelopes[1]["ENVELOPE"][1])
        await client.logout()

    try:
        task.react(main)
    except SystemExit as ended:
        if ended.code:
            raise
    return subjects[0]


CLIENTS = {"imaplib": imaplib_client, "IMAPClient": imapclient_client, "Twisted": twisted_client}


if __name__ == "__main__":
    name, its_port, its_ca, password_file = sys.argv[1:]
    with open(password_file) as secret:
        print(CLIENTS[name](int(its_port), its_ca, secret.read().rstrip("\n")))
