"""`tw imap check` of one account beside a file of many: the one that comes from nearer by is meant."""

from pathlib import Path

from command_lines import Shell

TWO = """
[[account]]
user = "alice"
host = "a.example"
[[account]]
user = "bob"
host = "b.example"
"""


def test_who_names_an_account_beats_a_file_of_them_that_comes_from_further_away(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(TWO)
    variable, setting = {"TW_IMAP_ACCOUNTS": str(file)}, f"[imap]\naccounts = '{file}'"
    for started in (
        shell.start("imap check --user me", variable),
        shell.start("imap check --user me", None, setting),
        shell.start("imap check", {"TW_IMAP_USER": "me"}, setting),
    ):
        assert (started.by, started.options.imap.user) == ("check", "me")
    for started in (
        shell.start(f"imap check --user me --accounts {file}"),
        shell.start(f"imap check --accounts {file}", {"TW_IMAP_USER": "me"}),
        shell.start("imap check", variable | {"TW_IMAP_USER": "me"}),
    ):
        assert started.by == "check_all"
