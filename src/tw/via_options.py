"""What several servers share: the URL of their Redis or Valkey, and how it is trusted and logged in to."""

from dataclasses import dataclass

from tw.options import require

VARIABLE = "TW_VIA_PASSWORD"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViaOptions:
    """`--via`. `core.via` says what the URL means. Without `password_file` the password is in `TW_VIA_PASSWORD`, or
    there is none."""

    url: str
    ca_file: str | None = None
    password_file: str | None = None

    def __post_init__(self) -> None:
        require(
            self.ca_file is None or self.url.lower().startswith("rediss:"),
            "--via-ca-file without TLS",
            "write --via rediss://HOST, or leave the file out",
        )
