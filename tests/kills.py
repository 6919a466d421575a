"""`kill -9` in the middle of a counter's work, again and again: which numbers got out before each."""

import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from e2e.harness import TIMEOUT_S, serving

REQUESTS = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 200
CLIENTS = 4

OWNERS = """
import os, random, select, signal, sys, time
sys.path.insert(0, sys.argv[1])
from tw.services import state
path, kills, chance = sys.argv[2], int(sys.argv[3]), random.Random(int(sys.argv[4]))
state.LARGEST_BLOCK = state.FIRST_BLOCK = 8  # a write every 8 numbers: most of the time goes into writing
enough_s, over_s = None, time.monotonic() + float(sys.argv[5])
while kills and time.monotonic() < over_s:
    kills -= 1
    ours, theirs = os.pipe()
    owner = os.fork()
    if owner == 0:
        os.close(ours)
        try:
            numbers = state.NumberFile(path)
            while True:
                os.write(theirs, b"%d\\n" % numbers.take())
        finally:
            os._exit(1)
    os.close(theirs)
    began_s, got = time.monotonic(), b""
    if enough_s is None:
        while got.count(b"\\n") < 40:
            got += os.read(ours, 65536)
        enough_s = time.monotonic() - began_s  # what a start and five writes take on this disk
    elif kills % 2:
        # On a busy machine that time may be over before there is a number.
        got = os.read(ours, 65536)
        began_s = time.monotonic()
    until_s = began_s + chance.uniform(0, enough_s)
    while (left_s := until_s - time.monotonic()) > 0:
        if select.select([ours], [], [], left_s)[0]:
            got += os.read(ours, 65536)
    os.kill(owner, signal.SIGKILL)
    while data := os.read(ours, 65536):
        got += data
    os.close(ours)
    assert os.waitpid(owner, 0)[1] == signal.SIGKILL, "it ended by itself"
    print(*got.decode().split(), flush=True)
"""


def kill_owners(state: Path, kills: int, seed: int, most_s: float = 3600.0) -> list[list[int]]:
    """Processes that own the file and do nothing but take numbers, each killed at some moment: what each took.

    They are forked from one that has imported everything, so that hundreds fit into a few seconds. For every other one
    the moment counts from its first number. After `most_s` seconds no other one is started.
    """
    source = str(Path(__file__).parents[1] / "src")
    command = [sys.executable, "-S", "-c", OWNERS, source, str(state), str(kills), str(seed), str(most_s)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return [[int(number) for number in line.split()] for line in done.stdout.splitlines()]


def kill_servers(state: Path, kills: int, seed: int) -> list[list[int]]:
    """Installed servers under load, each killed at some moment of 200 ms: the numbers that clients got.

    Those of every other one begin with its first answer, since on a busy machine all of them may be over before that.
    """
    chance = random.Random(seed)
    return [_kill_server(state, chance.uniform(0, 0.2), once_answered=number % 2 == 1) for number in range(kills)]


def _kill_server(state: Path, after_s: float, *, once_answered: bool) -> list[int]:
    got: list[bytes] = []
    answered = threading.Event()

    def hammer(port: int) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
            data = b"anything"
            while data:
                client.sendall(REQUESTS)
                answers = b""
                while data and answers.count(b"I am request #") < REQUESTS.count(b"GET"):
                    with suppress(ConnectionError):
                        data = b""
                        data = client.recv(65_536)
                    answers += data
                    if data:
                        answered.set()
                got.append(answers)

    with serving("counter", "--state", str(state)) as server:
        clients = [threading.Thread(target=hammer, args=(server.port,)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        if once_answered:
            assert answered.wait(TIMEOUT_S)
        time.sleep(after_s)  # the moment is what is drawn by lot, and nothing is waited for
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(TIMEOUT_S)
        for client in clients:
            client.join(TIMEOUT_S)
    return [int(number) for answers in got for number in re.findall(rb"I am request #(\d+)\n", answers)]


def repeated(rounds: list[list[int]]) -> list[int]:
    """Numbers that came twice, or not above all those of the rounds before."""
    found, last = [], 0
    for numbers in rounds:
        found += [number for number in numbers if number <= last]
        found += [number for number, times in Counter(numbers).items() if times > 1]
        last = max([last, *numbers])
    return found
