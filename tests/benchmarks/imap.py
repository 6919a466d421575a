"""How long it takes to read a first subject, whole process, beside the other clients: near, far, a hundred times over.

Run it with the Python that `tw` is installed in: `python tests/benchmarks/imap.py [ROUNDS]`. It needs Dovecot and
openssl, and says where curl and IMAPClient (PyPI) are missing. Each round runs every client once, in turn. All verify
the server's certificate, read the password from a file, open INBOX read-only and print the subject, which is checked.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # the tests' Dovecot

from e2e.dovecot import PASSWORDS, Dovecot, dovecot  # noqa: E402 - found on the path that is set above

PYTHON = sys.executable
TW = str(Path(PYTHON).parent / "tw")
DELAY_MS = 25
"""Each way: 50 ms there and back."""
ACCOUNTS = 100
JOBS = 20
UNSET = ("TW_", "COVERAGE", "PYTHONDONTWRITEBYTECODE")
"""Settings of tw's, and what makes Python compile what it starts with each time."""
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(UNSET)}

Command = tuple[str, ...]


def clients(server: Dovecot, folder: Path, port: int) -> dict[str, Command]:
    """Each client that is here, as the command that prints the subject."""
    secret = folder / "password"
    secret.write_text(PASSWORDS["alice"] + "\n")
    netrc = folder / "netrc"
    netrc.write_text(f"machine localhost login alice password {PASSWORDS['alice']}\n")
    place = ("--host", "localhost", "--port", str(port), "--ca-file", server.ca, "--user", "alice")
    found: dict[str, Command] = {"tw": (TW, "imap", "first-subject", *place, "--password-file", str(secret))}
    if shutil.which("curl"):
        url = f"imaps://localhost:{port}/INBOX;MAILINDEX=1;SECTION=HEADER.FIELDS%20(SUBJECT)"
        found["curl"] = ("curl", "-sS", "--cacert", server.ca, "--netrc-file", str(netrc), url)
    else:
        print("not here: curl")
    for name, module in (("imaplib", "imaplib"), ("IMAPClient", "imapclient"), ("Twisted", "twisted")):
        if find_spec(module):
            found[name] = (PYTHON, str(HERE / "mail_clients.py"), name, str(port), server.ca, str(secret))
        else:
            print(f"not here: {name} (pip install {name})")
    return found


def first_subject(command: Command) -> float:
    """Seconds from start to end of a client that prints the right subject."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    took = time.perf_counter() - began
    if "The first" not in done.stdout:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return took


def compare(title: str, works: dict[str, Callable[[], float]], rounds: int) -> None:
    """Run every work in turn, `rounds` times over, and print the medians beside that of tw's."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(work())
    print(f"\n{title}, medians of {rounds} interleaved runs")
    print(f"{'':34} {'ms':>7} {'min':>7} {'max':>7}  x tw")
    base = statistics.median(taken["tw"])
    for name, times in taken.items():
        middle = statistics.median(times)
        print(f"{name:34} {middle * 1e3:7.0f} {min(times) * 1e3:7.0f} {max(times) * 1e3:7.0f}  {middle / base:.2f}")


def one_subject(found: dict[str, Command]) -> dict[str, Callable[[], float]]:
    return {name: partial(first_subject, command) for name, command in found.items()}


def many_accounts(server: Dovecot, folder: Path, found: dict[str, Command]) -> dict[str, Callable[[], float]]:
    """A hundred accounts, checked by one `tw`, and by curl one after another and as many at a time."""
    account = f'[[account]]\nuser = "alice"\npassword-file = "{folder / "password"}"\n'
    (folder / "accounts").write_text(account * ACCOUNTS)
    place = ("--host", "localhost", "--port", str(server.imaps_port), "--ca-file", server.ca)
    check = (TW, "imap", "check", "--accounts", str(folder / "accounts"), "--jobs", str(JOBS), *place)

    def tw() -> float:
        began = time.perf_counter()
        done = subprocess.run(check, capture_output=True, text=True, env=ENVIRONMENT, check=True)
        assert done.stdout.count("ok ") == ACCOUNTS, done.stdout
        return time.perf_counter() - began

    def curls(at_a_time: int) -> float:
        began = time.perf_counter()
        running: list[subprocess.Popen[bytes]] = []
        for _ in range(ACCOUNTS):
            if len(running) == at_a_time:
                assert running.pop(0).wait() == 0
            running.append(subprocess.Popen(found["curl"], stdout=subprocess.DEVNULL, env=ENVIRONMENT))
        assert not any(process.wait() for process in running)
        return time.perf_counter() - began

    works: dict[str, Callable[[], float]] = {"tw": tw}
    if "curl" in found:
        works["curl, one after another"] = lambda: curls(1)
        works[f"curl, {JOBS} at a time"] = lambda: curls(JOBS)
    return works


@contextmanager
def far_away(port: int) -> Iterator[int]:
    """The port of a proxy that is 50 ms away from the server's, there and back."""
    command = (PYTHON, str(HERE / "delay.py"), str(port), str(DELAY_MS))
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as home, dovecot() as server:
        folder = Path(home)
        ENVIRONMENT["XDG_CONFIG_HOME"] = home
        near = clients(server, folder, server.imaps_port)
        compare("on loopback", one_subject(near), rounds)
        with far_away(server.imaps_port) as port:
            compare(f"{2 * DELAY_MS} ms away", one_subject(clients(server, folder, port)), rounds)
        compare(f"{ACCOUNTS} accounts on loopback", many_accounts(server, folder, near), max(rounds // 3, 1))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
