"""Programs that the end-to-end tests drive: skipped where missing, and a failure where CI promises them."""

import os
import shutil

import pytest


def need(*programs: str) -> None:
    """Skip the test where one of `programs` is missing, naming it; with CI=true that is a failure."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"CI lacks {', '.join(missing)}")
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
