"""What a PROXY header tells beside its addresses."""

from hypothesis import given
from hypothesis import strategies as st

from tw.core.proxy import HostAddress, parse_header, v2_header
from tw.core.proxy_vectors import split_vectors, told_by

PAIR = HostAddress("192.0.2.1", 1), HostAddress("192.0.2.2", 2)
VECTORS = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=10)


def vector(number: int, value: bytes) -> bytes:
    return bytes([number]) + len(value).to_bytes(2, "big") + value


def tls(did: int, failed: int, *inner: tuple[int, bytes]) -> tuple[int, bytes]:
    return 0x20, bytes([did]) + failed.to_bytes(4, "big") + b"".join(vector(*each) for each in inner)


def test_a_header_s_vectors_are_told_by_name() -> None:
    vectors = [
        (0x01, b"h2"),
        (0x02, b"a.example"),
        (0x05, b"\x00\xff"),
        (0x30, b"blue"),
        (0x04, b"pad"),
        (0xE0, b"own"),
    ]
    header = parse_header(v2_header(*PAIR, vectors=vectors, checksum=True))
    assert header is not None
    told = {"alpn": "h2", "authority": "a.example", "unique_id": "00ff", "netns": "blue"}
    assert told_by(header.vectors) == told


def test_tls_that_a_proxy_has_ended_is_told() -> None:
    inner = (0x21, b"TLSv1.3"), (0x22, b"client"), (0x23, b"AES"), (0x99, b"?")
    told = {"tls": "yes", "tls_version": "TLSv1.3", "tls_cn": "client", "tls_cipher": "AES"}
    assert told_by([tls(1, 1, *inner)]) == told
    assert told_by([tls(3, 0, *inner)]) == told | {"tls_client_certificate": "verified"}
    assert told_by([tls(5, 1, *inner)]) == told | {"tls_client_certificate": "not verified"}


def test_a_client_without_tls_has_none_whatever_else_stands_there() -> None:
    assert told_by([tls(0, 0, (0x21, b"TLSv1.3"))]) == {}
    assert told_by([(0x20, b"\x01\x00")]) == {}


def test_an_empty_id_is_none_and_bytes_outside_of_utf_8_are_escaped() -> None:
    assert told_by([(0x05, b""), (0x02, b"a\xff\x1b")]) == {"authority": "a\\xff\x1b"}


@given(VECTORS)
def test_a_run_of_vectors_is_split_up_to_where_it_is_cut(vectors: list[tuple[int, bytes]]) -> None:
    data = b"".join(vector(*each) for each in vectors)
    assert split_vectors(data) == vectors
    for cut in range(len(data)):
        assert split_vectors(data[:cut]) == vectors[: len(split_vectors(data[:cut]))]
        assert sum(3 + len(value) for _, value in split_vectors(data[:cut])) <= cut


@given(VECTORS)
def test_whatever_is_told_is_text(vectors: list[tuple[int, bytes]]) -> None:
    assert all(text.encode("utf-8") or not text for text in told_by(vectors).values())
