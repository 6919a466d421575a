"""The netrc file by curl's rules: what is in it, whose it is, and that no error shows a word of it."""

import os
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.errors import LocalError
from tw.netrc import MAX_NETRC_BYTES, Entry, default_path, find, parse_netrc, refuse_open

PAIR = "machine h login u password p"


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", []),
        (" \r\n\t\n", []),
        (PAIR, [Entry("h", "u", "p")]),
        (f"{PAIR}\n", [Entry("h", "u", "p")]),
        ("machine h\r\n\tlogin u\r\n\tpassword p\r\n", [Entry("h", "u", "p")]),
        ("machine\nh\n\n\nlogin\tu  password\n\n p", [Entry("h", "u", "p")]),
        ("machine h password p login u", [Entry("h", "u", "p")]),
        ("MACHINE h Login u passWORD p", [Entry("h", "u", "p")]),
        ('machine "h"login "u"password "p"', [Entry("h", "u", "p")]),
        ("default login u password p", [Entry(None, "u", "p")]),
        ("machine h login u account a password p", [Entry("h", "u", "p")]),
        ("machine h account password login u password p", [Entry("h", "u", "p")]),
        ("machine h machine i password p", [Entry("h"), Entry("i", None, "p")]),
        (f"{PAIR} default password d", [Entry("h", "u", "p"), Entry(None, None, "d")]),
        (f"{PAIR} login v password q", [Entry("h", "v", "q")]),
        ("machine h login u machine h login v password p", [Entry("h", "u"), Entry("h", "v", "p")]),
    ],
)
def test_entries_are_made_of_tokens_however_these_are_parted(text: str, entries: list[Entry]) -> None:
    assert parse_netrc(text) == entries


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("p", "p"),
        (r"p\w\"\n", r"p\w\"\n"),
        ('p"q"', 'p"q"'),
        ("#p", "#p"),
        ("p#q", "p#q"),
        ("machine", "machine"),
        ("PassWord", "PassWord"),
        ("\u00fc\u00a0\u2028\x0c\x00\udcff", "\u00fc\u00a0\u2028\x0c\x00\udcff"),
        ('""', ""),
        ('"p q"', "p q"),
        ('" p\t"', " p\t"),
        ('"p\nq"', "p\nq"),
        ('"p\n \tq"', "p\nq"),
        (r'"\"\\\n\r\t"', '"\\\n\r\t'),
        (r'"\p\ \N\""', 'p N"'),
        ('"p\\\nq"', "p\nq"),
        ('"machine"', "machine"),
        ('"#"', "#"),
        ('"p"q', "p"),
    ],
)
def test_a_value_is_any_token_and_only_quotes_give_backslashes_a_meaning(token: str, value: str) -> None:
    assert parse_netrc(f"machine h login u password {token}")[0].password == value
    assert parse_netrc(f"machine h login {token}\npassword p")[0].login == value
    assert parse_netrc(f"machine {token}\nlogin u")[0].machine == value


@pytest.mark.parametrize(
    "text",
    [
        f"# machine c login c password c\n{PAIR}",
        f" \t#machine c login c password c\r\n{PAIR}",
        f"{PAIR} # machine c\n#login c",
        f"{PAIR} #password c\n",
        f"{PAIR} # it's \"quoted",
        "machine\n# c\nh login\n#c\nu\n#c\npassword p",
        '# "\nmachine h login u password p',
        f"#\n#\n{PAIR}\n#",
    ],
)
def test_comments_are_passed_over_wherever_they_stand(text: str) -> None:
    assert parse_netrc(text) == [Entry("h", "u", "p")]


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\n \t\n", "\n# c\n\n", "\n\n\n\n"])
@pytest.mark.parametrize(
    "body", ["", "\nmachine m login m password m", '\n"\n#c\n  default password m', " login m\n x"]
)
def test_a_macro_ends_the_entry_and_goes_to_the_next_empty_line(body: str, end: str) -> None:
    assert parse_netrc(f"{PAIR}\nmacdef init{body}{end}machine i password q") == [
        Entry("h", "u", "p"),
        Entry("i", None, "q"),
    ]
    assert parse_netrc(f"machine h login u\nmacdef init{body}{end}password q") == [Entry("h", "u")]


def test_a_macro_without_an_end_goes_to_the_end_of_the_file() -> None:
    assert parse_netrc(f'{PAIR} macdef init\ncd "x\nmachine i') == [Entry("h", "u", "p")]


@pytest.mark.parametrize(
    "text",
    [
        f"login a password b {PAIR}",
        f"{PAIR} junk in between",
        'machine h user x login u "login" v port imaps password p',
        f"{PAIR} login",
        f"{PAIR} account",
        f"{PAIR} password",
        f"{PAIR} machine",
        f"{PAIR} passwordx y",
    ],
)
def test_what_fits_nowhere_is_passed_over(text: str) -> None:
    assert parse_netrc(text) == [Entry("h", "u", "p")]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ('machine h password "hunter2', 1),
        ('\n#"\n\nmachine h\n# c\n password "hunter2 \n\n', 6),
        ('machine h password "hunter2\\"', 1),
        ('machine h login "u\n"\n password\n"hunter2\\', 4),
        ('machine h password hunter2\n"', 2),
        ('machine h password "hunter2" "', 1),
    ],
)
def test_a_quote_without_an_end_is_told_with_its_line_and_without_the_text(text: str, number: int) -> None:
    with pytest.raises(LocalError) as caught:
        parse_netrc(text, "/the/netrc")
    assert caught.value.what == f"a quote in line {number} that nothing ends"
    assert caught.value.where == "/the/netrc"
    assert "hunter2" not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)


def test_an_entry_shows_whose_it_is_and_not_the_password() -> None:
    assert repr(parse_netrc("machine h login u password hunter2")) == "[Entry(machine='h', login='u')]"


ENTRIES = parse_netrc("""
    machine one.example login alice password of-alice
    machine one.example login bob
    machine ONE.example login bob password of-bob
    machine two.example password of-anybody
    machine two.example login alice password never
    machine empty.example login alice password ""
    default login alice password of-default
    machine late.example login alice password never
    default password last
""")


@pytest.mark.parametrize(
    ("host", "user", "login", "password"),
    [
        ("one.example", "", "alice", "of-alice"),
        ("one.example", "alice", "alice", "of-alice"),
        ("One.Example", "bob", "bob", "of-bob"),
        ("one.example", "Bob", None, "last"),
        ("one.example.", "alice", "alice", "of-default"),
        ("two.example", "", None, "of-anybody"),
        ("two.example", "alice", None, "of-anybody"),
        ("empty.example", "", "alice", ""),
        ("late.example", "alice", "alice", "of-default"),
        ("late.example", "", "alice", "of-default"),
        ("late.example", "bob", None, "last"),
        ("", "alice", "alice", "of-default"),
    ],
)
def test_the_first_entry_that_fits_host_and_user_and_has_a_password_is_found(
    host: str, user: str, login: str | None, password: str
) -> None:
    found = find(ENTRIES, host, user)
    assert found is not None
    assert (found.login, found.password) == (login, password)


@pytest.mark.parametrize(("host", "user"), [("other", ""), ("h", "v"), ("h", "U"), ("hh", "u"), ("", "")])
def test_where_nothing_fits_nothing_is_found(host: str, user: str) -> None:
    assert find(parse_netrc(f"{PAIR} machine other login u"), host, user) is None
    assert find([], host, user) is None


def test_the_path_is_that_of_the_variable_or_in_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_path({"NETRC": "~/x", "HOME": "/home/a"}) == "~/x"
    assert default_path({"HOME": "/home/a"}) == "/home/a/.netrc"
    assert default_path({"NETRC": "", "HOME": "/home/a"}) == "/home/a/.netrc"
    monkeypatch.setenv("HOME", "/home/b")
    assert default_path({}) == default_path({"HOME": ""}) == "/home/b/.netrc"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700, 0o000])
def test_a_file_that_is_ones_own_alone_is_taken(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "netrc"
    path.touch()
    path.chmod(mode)
    refuse_open(path.stat(), str(path))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_a_file_of_ones_own_that_others_can_get_at_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "netrc"
    path.touch()
    path.chmod(mode)
    with pytest.raises(LocalError) as caught:
        refuse_open(path.stat(), "/the/netrc")
    assert str(caught.value) == f"the netrc file is open to others: mode {mode:04o} (/the/netrc); chmod 600 it"


def test_the_mode_of_somebody_elses_file_or_of_a_pipe_is_not_ours_to_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "fifo").chmod(0o666)
    refuse_open((tmp_path / "fifo").stat(), "fifo")
    refuse_open(Path("/dev/null").stat(), "null")
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o644)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    refuse_open((tmp_path / "file").stat(), "file")


def _quoted(value: str) -> str:
    for char, escape in (("\\", r"\\"), ('"', r"\""), ("\n", r"\n"), ("\r", r"\r"), ("\t", r"\t")):
        value = value.replace(char, escape)
    return f'"{value}"'


VALUE = st.text(st.one_of(st.sampled_from(' \t\r\n"\\#nrt'), st.characters()), max_size=8)
ENTRY = st.builds(Entry, st.none() | VALUE, st.none() | VALUE, st.none() | VALUE)
GAP = st.lists(st.sampled_from([" ", "\t", "\n", "\r\n", '\n# c " machine\n', "\n \t#\n"]), min_size=1).map("".join)
BETWEEN = GAP | st.sampled_from(['\nmacdef m\n "machine x\n\n', " account a ", "\nmacdef\r\n\r\n", " # login x\n"])


@given(st.lists(ENTRY, max_size=4), st.data())
def test_whatever_was_written_with_quotes_is_read_back(entries: list[Entry], data: st.DataObject) -> None:
    text = ""
    for entry in entries:
        named = [("machine", entry.machine), ("login", entry.login), ("password", entry.password)]
        for word, value in named:
            word = data.draw(st.sampled_from([word, word.upper(), word.title()]))
            if value is not None:
                plain = value and not value.startswith(('"', "#")) and not set(value) & set(" \t\r\n")
                form = data.draw(st.sampled_from([_quoted(value), value] if plain else [_quoted(value)]))
                text += f"{word}{data.draw(GAP)}{form}{data.draw(GAP)}"
            elif word.lower() == "machine":
                text += f"default{data.draw(GAP)}"
        text += data.draw(BETWEEN)
    assert parse_netrc(text) == entries


WORD = st.sampled_from(["machine", "login", "password", "default", "macdef", "account", "#", '"', "\\", "x"])
JUNK = st.lists(WORD | VALUE | GAP)


@given(st.one_of(st.text(st.characters()), JUNK.map("".join), JUNK.map(" ".join)))
def test_garbage_is_read_or_refused_in_one_way(text: str) -> None:
    try:
        entries = parse_netrc(text)
    except LocalError:
        assert '"' in text
        return
    for entry in entries:
        found = find([entry], entry.machine or "any", entry.login or "")
        assert found == (None if entry.password is None else entry)
        assert find([replace(entry, password=None)], entry.machine or "any") is None


@pytest.mark.parametrize(
    "piece", ['"', "\\", "machine h ", 'machine "', "macdef m\n", "#\n", "\n\r", "\r", " ", '"\\" ']
)
def test_the_longest_file_there_may_be_is_read_in_no_time(piece: str) -> None:
    text = piece * (MAX_NETRC_BYTES // len(piece))
    try:
        assert len(parse_netrc(text)) <= len(text)
    except LocalError:
        assert '"' in piece
