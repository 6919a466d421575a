"""Completion in real shells: what a person sees after a Tab, with the script that the installed `tw` prints."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest

from e2e.programs import need
from e2e.shells import Shell
from tw.cli.completion import script

COMPINIT = "autoload -Uz compinit && compinit -D -u"
BEFORE = {"bash": "true", "zsh": COMPINIT, "fish": "true"}
SETUPS = {
    "bash": ("bash", "source <(tw completion bash)"),
    "bash, set -u": ("bash", "set -u; source <(tw completion bash)"),
    "bash, words not split": ("bash", "COMP_WORDBREAKS=${COMP_WORDBREAKS//[=:]}; source <(tw completion bash)"),
    "zsh, sourced": ("zsh", f"{COMPINIT}; source <(tw completion zsh)"),
    "zsh, autoloaded": ("zsh", f"tw completion zsh > $HOME/_tw; fpath=($HOME $fpath); {COMPINIT}"),
    "fish": ("fish", "tw completion fish | source"),
    "fish, autoloaded": ("fish", "mkdir -p ~/fish/completions; tw completion fish > ~/fish/completions/tw.fish"),
}
SERVERS = {"echo", "counter", "pubsub"}


@pytest.fixture(scope="module", params=SETUPS)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell in a directory that holds one file; so a completion of files, where none belongs, inserts its name."""
    name, setup = SETUPS[request.param]
    need(name)
    here = tmp_path_factory.mktemp("here")
    (here / "my cert.pem").touch()
    with closing(Shell(name, tmp_path_factory.mktemp("home"), here, setup)) as shell:
        yield shell


def test_subcommands_are_listed_at_each_level(shell: Shell) -> None:
    shell.lists("tw ", {"serve", "probe", "imap", "report", "completion"})
    shell.lists("tw serve ", SERVERS)
    shell.lists("tw probe ", SERVERS)
    shell.lists("tw completion ", {"bash", "zsh", "fish"})
    shell.lists("tw imap ", {"first-subject", "subjects", "mailboxes", "status", "watch", "check"})


def test_a_subcommand_is_completed_from_its_beginning(shell: Shell) -> None:
    shell.completes("tw ser", "tw serve ")
    shell.completes("tw probe c", "tw probe counter ")
    shell.completes("tw completion f", "tw completion fish ")


def test_global_options_before_a_subcommand_do_not_hide_it(shell: Shell) -> None:
    shell.completes("tw -v --color never serve --reactor=stock ec", "tw -v --color never serve --reactor=stock echo ")
    shell.completes("tw -vq --config serve pro", "tw -vq --config serve probe ")


def test_options_are_completed_at_each_level(shell: Shell) -> None:
    shell.completes("tw --vers", "tw --version ")
    shell.completes("tw serve --no", "tw serve --no-config ")
    shell.completes("tw serve echo --acces", "tw serve echo --access-log ")
    shell.completes("tw probe counter localhost --no-k", "tw probe counter localhost --no-keepalive ")
    shell.lists("tw serve echo --tls-", {"--tls-cert", "--tls-key", "--tls-client-ca", "--tls-self-signed"})
    shell.lists("tw probe echo --s", {"--self", "--send-proxy", "--server-name", "--size"})


def test_options_belong_to_their_own_command(shell: Shell) -> None:
    shell.completes("tw probe echo --acc", "tw probe echo --acc")
    shell.completes("tw serve --vers", "tw serve --vers")


def test_fixed_values_are_completed(shell: Shell) -> None:
    shell.lists("tw --color ", {"auto", "always", "never"})
    shell.completes("tw serve pubsub --slow disc", "tw serve pubsub --slow disconnect ")
    shell.lists("tw imap first-subject --security ", {"tls", "starttls", "plain"})
    shell.completes("tw probe echo --reactor st", "tw probe echo --reactor stock ")


def test_fixed_values_are_completed_after_an_equals_sign(shell: Shell) -> None:
    shell.completes("tw serve echo --color=al", "tw serve echo --color=always ")
    shell.completes("tw imap first-subject --security=st", "tw imap first-subject --security=starttls ")
    shell.completes("tw serve echo --slow=", "tw serve echo --slow=")


def test_an_option_after_an_equals_sign_is_still_completed(shell: Shell) -> None:
    shell.completes(
        "tw serve echo --listen=tcp:80 --color=never --acces",
        "tw serve echo --listen=tcp:80 --color=never --access-log ",
    )


@pytest.mark.parametrize(
    "option", ["serve echo --tls-cert", "serve counter --state", "imap first-subject --password-file", "--config"]
)
def test_files_are_completed_with_their_spaces_quoted(shell: Shell, option: str) -> None:
    shell.completes(f"tw {option} ", rf"tw {option} my\ cert.pem ")
    shell.completes(f"tw {option} my", rf"tw {option} my\ cert.pem ")
    shell.completes(rf"tw {option} my\ c", rf"tw {option} my\ cert.pem ")
    shell.completes(f"tw {option} 'my c", f"tw {option} 'my cert.pem' ")
    shell.completes(f"tw {option}=m", rf"tw {option}=my\ cert.pem ")


def test_an_argument_that_is_repeated_is_completed_in_every_place(shell: Shell) -> None:
    shell.completes("tw report m", r"tw report my\ cert.pem ")
    shell.completes("tw report --html page one two m", r"tw report --html page one two my\ cert.pem ")
    shell.completes("tw probe pubsub h:1 h:2 --no-w", "tw probe pubsub h:1 h:2 --no-wait ")


def test_a_redirection_takes_a_file(shell: Shell) -> None:
    shell.completes("tw serve echo > m", r"tw serve echo > my\ cert.pem ")
    shell.completes("tw serve echo >m", r"tw serve echo >my\ cert.pem ")


@pytest.mark.parametrize(
    "line",
    [
        "tw serve echo --port ",
        "tw serve echo --port=",
        "tw serve echo --listen tcp:80 --host ",
        "tw probe counter -H ",
        "tw imap first-subject --password-command ",
        "tw probe echo ",
        "tw probe echo m",
        "tw probe pubsub h:1 h:2 m",
        "tw unknown ",
    ],
)
def test_nothing_is_completed_where_any_text_may_stand(shell: Shell, line: str) -> None:
    shell.completes(line, line)


@pytest.mark.parametrize("shell", ["zsh, sourced", "fish"], indirect=True)
def test_help_texts_are_shown(shell: Shell) -> None:
    shell.describes("tw ", "serve", "Stand up a known-good server.")
    shell.describes("tw serve ", "echo", "Send back every byte (RFC 862; TCP, TLS, unix, UDP).")
    shell.describes("tw serve echo --tls-", "--tls-key", "The certificate's private key.")


def test_zsh_says_what_is_wanted_where_nothing_can_be_completed(tmp_path: Path) -> None:
    """To who has asked for it with a style, in the words of a usage line that has one place left."""
    need("zsh")
    setup = f"{COMPINIT}; source <(tw completion zsh); zstyle ':completion:*' format 'wanted: %d'"
    with closing(Shell("zsh", tmp_path, tmp_path, setup)) as shell:
        for typed, wanted in {
            "tw probe pubsub ": "`TARGET'",
            "tw probe pubsub h:1 ": "`TARGET'",
            "tw probe echo ": "`TARGET'",
            "tw probe echo --pin ": "sha256//…",
        }.items():
            shell.complete(typed)
            shell.wait_for(lambda lines, wanted=wanted: lines[1:] == [f"wanted: {wanted}"], f"{typed!r}: {wanted}")


STRANGE = """It's "a" [b] (c): d\\e\\ $HOME %F{red} `f` {g,h} ~ * ? ! # & | ; < > ^ é \\"""
STRANGE_WORDS = ["a$HOME", "b;c", "d'e", "f:g", "h(i)", "j k", "l\\m", "n[o]", "p`q`", "r=s", "t*", 'u"v', "w{x,y}"]


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_help_texts_with_special_characters_are_shown_as_they_are(name: str, tmp_path: Path) -> None:
    need(name)
    group = click.Group("tw")
    group.command("one", help="First.", short_help=STRANGE)(lambda: None)
    flag = click.Option(["--aa"], is_flag=True, help=f"1 {STRANGE}")
    taker = click.Option(["--ab"], metavar=STRANGE, help=f"2 {STRANGE}")
    group.add_command(click.Command("two", params=[flag, taker, click.Argument(["strange"], metavar=STRANGE)]))
    (tmp_path / "script").write_text(script(name, group))
    with closing(Shell(name, tmp_path, tmp_path, f"{BEFORE[name]}; source ./script")) as shell:
        shell.describes("tw ", "one", STRANGE)
        shell.describes("tw two --a", "--aa", f"1 {STRANGE}")
        shell.describes("tw two --a", "--ab", f"2 {STRANGE}")


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_fixed_values_with_special_characters_arrive_as_they_are(name: str, tmp_path: Path) -> None:
    need(name)
    group = click.Group("tw", params=[click.Option(["--way"], type=click.Choice(STRANGE_WORDS))])
    (tmp_path / "script").write_text(script(name, group))
    show = "function tw; printf '<%s>\\n' $argv; end" if name == "fish" else "tw() { printf '<%s>\\n' \"$@\"; }"
    with closing(Shell(name, tmp_path, tmp_path, f"{BEFORE[name]}; source ./script; {show}")) as shell:
        for word in STRANGE_WORDS:
            assert f"<{word}>" in shell.run(f"tw --way {word[0]}\t")
