"""A server is soon ready: it loads nothing of probes, views, Redis or PROXY headers that it was not asked for."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from tw.__main__ import main
try:
    main()
except SystemExit as exit:
    code = exit.code
unasked = ("tw.report", "tw.view", "tw.probes", "tw.net.proxy", "tw.core.via", "tw.net.redis", "tw.workers", "rich")
print("loaded:", code, [name for name in unasked if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("service", ["echo", "counter", "pubsub"])
def test_a_server_loads_nothing_that_it_was_not_asked_for(service: str) -> None:
    command = [sys.executable, "-c", SCRIPT, "serve", service, "--no-config", "--port", "0", "--duration", "10ms"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "loaded: 0 []"
