"""Programs that the end-to-end tests drive and that a machine may lack."""

import os
import shutil

import pytest


def need(*programs: str) -> None:
    """Skip the test, by name, where one of the programs is missing. In CI (CI=true) that is a failure instead.

    A path stands for itself: a library's header, say.
    """
    found = {
        program: os.path.exists(program) if program.startswith("/") else shutil.which(program) for program in programs
    }
    missing = [program for program, where in found.items() if not where]
    if not missing:
        return
    reason = f"needs {', '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; install it, CI skips nothing", pytrace=False)
    pytest.skip(reason)
