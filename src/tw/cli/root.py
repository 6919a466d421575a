"""`tw` itself: the groups, and what `tw --help` says of the whole."""

import click

from tw.cli.command import TwGroup
from tw.errors import EXIT_CODE_HELP

EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {int(code):3}  {text}" for code, text in EXIT_CODE_HELP.items())


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"tw {version('tw-bench')}")
        ctx.exit()


SERVE = {
    "echo": ("tw.cli.serve", "echo", "Send back every byte (RFC 862; TCP, TLS, unix, UDP)."),
    "counter": ("tw.cli.serve", "counter", "Answer every HTTP request with its number."),
    "pubsub": ("tw.cli.serve", "pubsub", "Send each line to every client."),
}
PROBE = {
    "echo": ("tw.cli.probe", "echo", "Prove that bytes come back, all of them and in order."),
    "counter": ("tw.cli.probe", "counter", "Prove that requests are answered, each once."),
    "pubsub": ("tw.cli.probe", "pubsub", "Prove that lines reach their subscribers."),
}
IMAP = {
    "first-subject": ("tw.cli.imap", "first_subject", "Print the subject of a mailbox's first message."),
    "subjects": ("tw.cli.imap", "subjects", "Print subjects: the last ones, or those found."),
    "mailboxes": ("tw.cli.imap", "mailboxes", "Print the names of the mailboxes."),
    "status": ("tw.cli.imap", "status", "Print how many messages mailboxes hold."),
    "watch": ("tw.cli.imap", "watch", "Print the subject of each message as it comes in."),
    "check": ("tw.cli.imap_check", "check", "Check that mail can be read, for monitoring."),
}

serve = TwGroup("serve", lazy=SERVE, help="Stand up a known-good server.", no_args_is_help=True)
probe = TwGroup("probe", lazy=PROBE, help="Prove that bytes, requests and lines get through.", no_args_is_help=True)
imap = TwGroup("imap", lazy=IMAP, help="Prove that mail can be read.", no_args_is_help=True)

root = TwGroup(
    "tw",
    lazy={
        "serve": ("tw.cli.root", "serve", "Stand up a known-good server."),
        "probe": ("tw.cli.root", "probe", "Prove that bytes, requests and lines get through."),
        "imap": ("tw.cli.root", "imap", "Prove that mail can be read."),
        "report": ("tw.cli.report", "report", "Show saved reports side by side."),
        "completion": ("tw.cli.completion", "completion", "Print the completion script of a shell."),
    },
    help="A network bench for the shell: known-good servers, matching probes, and a verdict.",
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_version,
            help="Print the version.",
        )
    ],
)
