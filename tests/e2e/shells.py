"""Real interactive shells on a pseudo-terminal, seen as a person sees them: through the screen."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyte

from e2e.harness import TIMEOUT_S, TW, environment

ROWS, COLUMNS = 50, 140
PROMPT = "ready>"
KILL_LINE, CLEAR_SCREEN = "\x15", "\x0c"


class _Screen(pyte.Screen):
    """A terminal that answers what a shell asks of it (fish waits for that)."""

    def __init__(self, answer: Callable[[str], object]) -> None:
        super().__init__(COLUMNS, ROWS)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data)


class Shell:
    """One shell that completes `tw`, with no settings file of the user's, in the directory `cwd`."""

    def __init__(self, name: str, home: Path, cwd: Path, setup: str) -> None:
        arguments = {"bash": ["--noprofile", "--norc", "-i"], "zsh": ["-d", "-i"], "fish": ["-i"]}
        for path, text in _settings(home).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        # Where this is missing, fish reads all manual pages of the machine, in the background, for its own completions.
        (home / "fish" / "generated_completions").mkdir(parents=True, exist_ok=True)
        self.name = name
        self.process = pexpect.spawn(
            name, arguments[name], cwd=str(cwd), env=_environment(home), dimensions=(ROWS, COLUMNS)
        )
        self.process.delaybeforesend = None
        self._screen = _Screen(self.process.send)
        self._stream = pyte.ByteStream(self._screen)
        self.wait_for(lambda lines: lines[-1:] == [PROMPT], "the prompt")
        self.run(setup)

    def run(self, command: str) -> list[str]:
        """Run a command line; gives the screen once the next prompt is there."""
        self.clear()
        self.process.send(f"{command}; echo done''-with-it\r")
        return self.wait_for(lambda lines: lines[-1:] == [PROMPT] and "done-with-it" in lines, f"the end of {command}")

    def clear(self) -> None:
        """Empty the command line, then the screen."""
        self.process.send(KILL_LINE + CLEAR_SCREEN)
        self.wait_for(lambda lines: lines == [PROMPT], "an empty screen")

    def complete(self, typed: str) -> None:
        """Type that on an empty line, then Tab."""
        self.clear()
        self.process.send(typed + "\t")

    def completes(self, typed: str, line: str) -> None:
        """Assert that a Tab after `typed` makes the command line `line`, and that nothing is listed."""
        self.complete(typed)
        # What is typed next shows where the cursor stands, so that a space at the end counts.
        self.process.send("END")
        self.wait_for(lambda lines: lines == [f"{PROMPT} {line}END"], f"{line!r} and nothing else")

    def lists(self, typed: str, expected: set[str]) -> None:
        """Assert that a Tab after `typed` lists these words, all of them and no others."""
        self.complete(typed)
        self.wait_for(lambda lines: set(_words(lines)) == expected, f"the words {sorted(expected)}")

    def describes(self, typed: str, word: str, text: str) -> None:
        """Assert that a Tab after `typed` lists the word with that text beside it."""
        self.complete(typed)
        described = re.compile(rf"(^|  ){re.escape(word)} +(-- |\(){re.escape(text)}")
        self.wait_for(lambda lines: any(described.search(line) for line in lines), f"{word} with {text!r}")

    def wait_for(self, seen: Callable[[list[str]], bool], what: str) -> list[str]:
        """Read until the screen's lines (without the blank ones) are as they should be."""
        deadline = time.monotonic() + TIMEOUT_S
        while not seen(lines := self.lines()):
            rest = deadline - time.monotonic()
            assert rest > 0, f"{self.name} never showed {what}:\n" + "\n".join(lines)
            try:
                self._stream.feed(self.process.read_nonblocking(65536, timeout=rest))
            except pexpect.TIMEOUT:
                continue
        return lines

    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display if line.strip()]

    def close(self) -> None:
        self.process.close(force=True)


def _words(lines: list[str]) -> list[str]:
    """The words of a list of completions: without command lines, and without descriptions (`-- text`, `(text)`)."""
    cells = [cell for line in lines if not line.startswith(PROMPT) for cell in re.split(r"\s{2,}", line.strip())]
    return [cell for cell in cells if not cell.startswith(("(", "-- "))]


def _environment(home: Path) -> dict[str, str]:
    places = {name: str(home) for name in ("HOME", "ZDOTDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    path = f"{Path(TW).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in environment().items() if not name.startswith(("BASH", "ZSH", "fish", "LC_"))}
    return {
        **kept,
        **places,
        "PATH": path,
        "TERM": "xterm",
        "LANG": "C.UTF-8",
        "INPUTRC": str(home / "inputrc"),
        "PS1": f"{PROMPT} ",
    }


def _settings(home: Path) -> dict[Path, str]:
    """What makes the three shells answer alike: a known prompt, lists at the first Tab, no colours, no questions."""
    return {
        home / "inputrc": """
            set show-all-if-ambiguous on
            set completion-query-items 0
            set page-completions off
            set bell-style none
            set enable-bracketed-paste off
        """,
        home / ".zshrc": f"""
            PS1='{PROMPT} '
            unsetopt prompt_sp prompt_cr beep zle_bracketed_paste
            unset zle_bracketed_paste
            setopt no_beep
            LISTMAX=0
            HISTFILE=
        """,
        home / "fish" / "config.fish": f"""
            set -g fish_greeting
            set -g fish_autosuggestion_enabled 0
            set -g fish_history ''
            function fish_prompt; echo -n '{PROMPT} '; end
            function fish_right_prompt; end
            function fish_title; end
        """,
    }
