"""A network of its own, where a name takes its time: `python slow_names.py SECONDS COMMAND...` in fresh namespaces.

The only name server answers every question for an IPv4 address with 127.0.0.1, after so many seconds; what listens on
port 80 there is a counter that stands still.
"""

import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from threading import Thread

A_RECORD = 1


def answer(question: bytes) -> bytes:
    """127.0.0.1, or nothing where something else than an address is asked for (RFC 1035, 4.1)."""
    end = question.index(b"\0", 12) + 5
    found = struct.unpack("!H", question[end - 4 : end - 2])[0] == A_RECORD
    header = question[:2] + struct.pack("!HHHHH", 0x8180, 1, int(found), 0, 0)
    record = b"\xc0\x0c" + struct.pack("!HHIH", A_RECORD, 1, 0, 4) + socket.inet_aton("127.0.0.1")
    return header + question[12:end] + record * found


def serve_names(delay_s: float) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        while True:
            question, client = server.recvfrom(512)
            time.sleep(delay_s)
            server.sendto(answer(question), client)


def serve_pages(listener: socket.socket) -> None:
    while True:
        client, _ = listener.accept()
        with client:
            client.recv(1000)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\nConnection: close\r\n\r\nI am request #1\n")


def main() -> int:
    delay_s, command = float(sys.argv[1]), sys.argv[2:]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.NamedTemporaryFile("w") as names:
        names.write("nameserver 127.0.0.1\noptions timeout:30 attempts:1\n")
        names.flush()
        subprocess.run(["mount", "--bind", names.name, os.path.realpath("/etc/resolv.conf")], check=True)
        listener = socket.create_server(("127.0.0.1", 80))
        Thread(target=serve_names, args=(delay_s,), daemon=True).start()
        Thread(target=serve_pages, args=(listener,), daemon=True).start()
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
