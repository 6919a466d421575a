"""What stands for `runtime.run` where no reactor is to run: a command's run, on a network in memory."""

import signal
from collections.abc import Callable
from typing import Any

from memory import Network
from running import Running
from tw.options import CommonOptions
from tw.runtime import Stop


class Launch:
    """Called as `runtime.run` is. The run is under way then, and `running` is to be looked at."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.stop = Stop(net)
        self.running: Running

    def __call__(self, common: CommonOptions, main: Callable[[Any, Stop], Any], *, is_server: bool = False) -> int:
        self.running = self.net.run(main(self.net, self.stop))
        return 0

    def signal(self, number: signal.Signals) -> None:
        """The process gets a signal, and the reactor turns."""
        self.stop.on_signal(number, None)
        self.net.hear_thread()
