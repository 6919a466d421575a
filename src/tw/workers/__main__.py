"""A worker: `python -P -m tw.workers DESCRIPTOR`, as its parent starts it, with the socket between them."""

import signal
import socket
import sys
from typing import NoReturn

from tw.errors import SIGNALS


def main() -> NoReturn:
    # ^C and a hang-up are for the parent, which says what is to be done. SIGTERM, too, while this worker starts; later
    # on it ends this worker alone, in order (`runtime` puts a handler in its place).
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    from tw.workers.worker import work

    sys.exit(work(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
