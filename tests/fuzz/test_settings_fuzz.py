"""A settings file of any content is settings, or one typed error of one line."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fuzz.inputs import fuzz, mutated
from tw import settings
from tw.core.text import safe
from tw.errors import UsageError

KNOWN = {"": frozenset({"color"}), "serve.echo": frozenset({"port", "listen"}), "imap": frozenset({"user"})}

GOOD = [
    b'color = "never"\n[serve.echo]\nport = 1234\nlisten = ["tcp:0", "unix:/x"]\n[imap]\nuser = "\\u00e9"\n',
    b"[serve]\necho = { port = 1 }\n",
    b"serve.echo.port = 0x1F\n",
    b'[serve.echo]\nlisten = """\nline\n"""\n',
]


@fuzz
@given(mutated(GOOD) | st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_file_is_settings_or_a_usage_error(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            tables = settings.load(Path(file.name), KNOWN, required=True)
        except UsageError as error:
            message = str(error)
        else:
            check(tables)
            return
    assert file.name in message
    assert safe(message) == message


def check(tables: dict[str, settings.Table]) -> None:
    for name, table in tables.items():
        assert name in KNOWN or not table
        for key, value in table.items():
            assert key in KNOWN[name]
            texts = value if isinstance(value, list) else [value]
            assert all(isinstance(text, str | int | float) and "\0" not in str(text) for text in texts)
