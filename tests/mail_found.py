"""What `tw imap` may find, for the tests of how it looks."""

from tw.core.imap_types import Message, Messages
from tw.mail_report import FirstSubject, Subjects


def message(subject: str, uid: int = 1, sender: str = "") -> Message:
    """With raw 8-bit text in its header, as mail programs send it against the rules."""
    header = f"Subject: {subject}\r\n" + (f"From: {sender}\r\n" if sender else "")
    return Message(uid=uid, internal_date="01-Jan-2024 01:00:00 +0100", header=header.encode() + b"\r\n")


def first_subject(subject: str) -> FirstSubject:
    return FirstSubject(Messages(mailbox="INBOX", exists=1, messages=(message(subject),)))


def subjects(*texts: str) -> Subjects:
    found = tuple(message(text, uid, f"{text} <a@b>") for uid, text in enumerate(texts, 1))
    return Subjects(Messages(mailbox="INBOX", exists=len(texts), messages=found))
