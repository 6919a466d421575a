"""What a Dovecot of the tests finds on the disk: its configuration, certificates, passwords, keys and mail."""

import base64
import grp
import hmac
import json
import os
import pwd
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

GOOD = "127.0.0.1"
"""The certificate names it, and localhost. Dovecot takes passwords in the clear from its own address."""
WRONG_NAME = "127.0.0.2"
"""The certificate is for elsewhere.example. Without TLS no password is taken (LOGINDISABLED)."""
PLAIN = "127.0.0.3"
"""No TLS on its IMAP port, and passwords are taken there."""
EXPIRED = "127.0.0.4"
SELF_SIGNED = "127.0.0.5"
ADDRESSES = (GOOD, WRONG_NAME, PLAIN, EXPIRED, SELF_SIGNED)

PASSWORDS = {
    "alice": "corre.ct-horse",
    "bob": '  a "quoted\\ pass" \\ ',
    "zoë": "Žluťoučký kůň €🐎",
}

Mail = dict[str, list[bytes]]
"""Messages by mailbox."""
ONE_MESSAGE: Mail = {"INBOX": [b"Subject: The first\r\n\r\n."]}

PASSWORD_MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
TOKEN_MECHANISMS = ("XOAUTH2", "OAUTHBEARER")
EVERY_MECHANISM = (*PASSWORD_MECHANISMS, *TOKEN_MECHANISMS)

_TOKEN_KEY = b"the key that tokens are signed with"


@dataclass(frozen=True)
class Profile:
    """How a server differs from the plainest: what it offers to log in by, and whether clients must show a
    certificate that `ca.pem` has signed (`client.pem`; `stranger.pem` is from elsewhere)."""

    mechanisms: tuple[str, ...] = ("PLAIN",)
    client_certificates: bool = False


def token(user: str, lasts_s: float = 300) -> str:
    """An access token as an issuer would make one: a JWT (RFC 7519), which Dovecot verifies by itself."""
    now = int(time.time())
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": user, "iat": now - 600, "exp": now + int(lasts_s)})
    signed = b".".join(_base64url(json.dumps(part).encode()) for part in parts)
    return (signed + b"." + _base64url(hmac.digest(_TOKEN_KEY, signed, "sha256"))).decode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def config(folder: Path, imap_port: int, imaps_port: int, profile: Profile) -> str:
    reader = _reader()
    users = ("dovenull", "dovecot", "dovecot")
    if os.geteuid() != 0:
        users = (reader.pw_name, reader.pw_name, grp.getgrgid(reader.pw_gid).gr_name)
    certificates = "".join(
        f"local {address} {{\n ssl_cert = <{folder}/{address}.pem\n ssl_key = <{folder}/{address}.pem\n}}\n"
        for address in ADDRESSES
    )
    demands = f"ssl_ca = <{folder}/ca.pem\nssl_require_crl = no\nssl_verify_client_cert = yes\n"
    demands += "auth_ssl_require_client_cert = yes\n"
    return f"""
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
listen = {", ".join(ADDRESSES)}
protocols = imap
default_login_user = {users[0]}
default_internal_user = {users[1]}
default_internal_group = {users[2]}
first_valid_uid = 1
mail_location = maildir:~:UTF-8
ssl = yes
ssl_min_protocol = TLSv1.2
ssl_cert = <{folder}/{GOOD}.pem
ssl_key = <{folder}/{GOOD}.pem
{demands if profile.client_certificates else ""}
auth_mechanisms = {" ".join(profile.mechanisms).lower()}
auth_username_chars =
auth_failure_delay = 0
mail_max_userip_connections = 1000
passdb {{
 driver = passwd-file
 mechanisms = {" ".join(PASSWORD_MECHANISMS).lower()}
 args = {folder}/users
}}
passdb {{
 driver = oauth2
 mechanisms = {" ".join(TOKEN_MECHANISMS).lower()}
 args = {folder}/oauth2.conf
}}
userdb {{
 driver = static
 args = uid={reader.pw_uid} gid={reader.pw_gid} home={folder}/mail/%u
}}
service imap-login {{
 chroot =
 service_count = 0
 inet_listener imap {{
  port = {imap_port}
 }}
 inet_listener imaps {{
  port = {imaps_port}
  ssl = yes
 }}
 unix_listener {folder}/imap.sock {{
  mode = 0666
 }}
}}
service anvil {{
 chroot =
 unix_listener anvil-auth-penalty {{
  mode = 0
 }}
}}
{certificates}
local {PLAIN} {{
 ssl = no
 disable_plaintext_auth = no
}}
"""


def _reader() -> pwd.struct_passwd:
    """Who reads the mail. Dovecot refuses to do so as root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def make_certificates(folder: Path) -> None:
    """`ca.pem`; certificate and key of each address; and of clients, `client.pem` and `stranger.pem`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    ago = datetime.now(UTC) - timedelta(days=1)
    issued = {
        GOOD: authority.issue_cert("localhost", GOOD),
        PLAIN: authority.issue_cert(PLAIN),
        WRONG_NAME: authority.issue_cert("elsewhere.example"),
        EXPIRED: authority.issue_cert(EXPIRED, not_before=ago - timedelta(days=30), not_after=ago),
        "client": authority.issue_cert("alice@example.org"),
        "stranger": trustme.CA().issue_cert("alice@example.org"),
    }
    for name, certificate in issued.items():
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.pem"))
    path = str(folder / f"{SELF_SIGNED}.pem")
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=self-signed"
    names = ["-addext", f"subjectAltName=IP:{SELF_SIGNED}"]
    subprocess.run([*request.split(), *names, "-keyout", path, "-out", f"{path}.cert"], check=True, capture_output=True)
    with open(path, "a") as file:
        file.write(Path(f"{path}.cert").read_text())


def make_passwords(folder: Path) -> None:
    """Passwords as they are, since each mechanism makes something else of them, and the key of tokens."""
    lines = [f"{user}:{{PLAIN.b64}}{base64.b64encode(text.encode()).decode()}" for user, text in PASSWORDS.items()]
    (folder / "users").write_text("\n".join(lines) + "\n")
    keys = f"local_validation_key_dict = fs:posix:prefix={folder}/keys/"
    (folder / "oauth2.conf").write_text(f"introspection_mode = local\n{keys}\nusername_attribute = sub\n")
    key = folder / "keys" / "default" / "HS256" / "default"
    key.parent.mkdir(parents=True)
    key.write_bytes(base64.b64encode(_TOKEN_KEY))
    for path in (folder / "users", folder / "oauth2.conf", key):
        path.chmod(0o644)


def make_mail(folder: Path, mail: Mail) -> None:
    """Alice has `mail`, everybody else her INBOX alone. Nothing of it has been seen."""
    for user in PASSWORDS:
        for mailbox, messages in (mail if user == "alice" else {"INBOX": mail["INBOX"]}).items():
            box = maildir(folder, user, mailbox)
            for part in ("cur", "new", "tmp"):
                (box / part).mkdir(parents=True)
            for number, message in enumerate(messages, 1):
                (box / "new" / f"{1_700_000_000 + number}.M{number}.test").write_bytes(message)
    _give_to_reader(folder / "mail", *(folder / "mail").rglob("*"))


def deliver(box: Path, message: bytes) -> None:
    """Put a message into a maildir as a delivery agent does: written first, then moved to where it is looked for."""
    name = f"{time.time():.6f}.P{os.getpid()}.test"
    (box / "tmp" / name).write_bytes(message)
    _give_to_reader(box / "tmp" / name)
    (box / "tmp" / name).rename(box / "new" / name)


def _give_to_reader(*paths: Path) -> None:
    if os.geteuid() == 0:
        reader = _reader()
        for path in paths:
            os.chown(path, reader.pw_uid, reader.pw_gid)


def maildir(folder: Path, user: str, mailbox: str) -> Path:
    home = folder / "mail" / user
    return home if mailbox == "INBOX" else home / f".{mailbox}"
