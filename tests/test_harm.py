"""The first fault: where it is, and a dump that stays small."""

from tw.report import FirstFault, HarmFigures

EXPECTED = bytes(range(0x40, 0x80)) * 2


def test_a_changed_byte_is_shown_with_the_row_before_it() -> None:
    received = EXPECTED[:40] + b"\x00" + EXPECTED[41:]
    fault = FirstFault.between(EXPECTED, received, 7)
    assert fault.to_json() == {
        "kind": "corrupted",
        "number": 7,
        "offset": 40,
        "from_offset": 16,
        "expected_hex": EXPECTED[16:48].hex(),
        "received_hex": received[16:48].hex(),
    }
    assert fault.summary == "#7 corrupted, differs from byte 40 of 128"
    assert fault.dump() == [
        "both     00000010: 5051 5253 5455 5657 5859 5a5b 5c5d 5e5f  PQRSTUVWXYZ[\\]^_",
        "expected 00000020: 6061 6263 6465 6667 6869 6a6b 6c6d 6e6f  `abcdefghijklmno",
        "received 00000020: 6061 6263 6465 6667 0069 6a6b 6c6d 6e6f  `abcdefg.ijklmno",
    ]


def test_the_first_row_has_none_before_it() -> None:
    fault = FirstFault.between(EXPECTED, b"x" + EXPECTED[1:], 7)
    assert (fault.offset, fault.from_offset, len(fault.expected), len(fault.received)) == (0, 0, 16, 16)


def test_what_was_cut_is_shown_up_to_its_end() -> None:
    fault = FirstFault.between(EXPECTED, EXPECTED[:16], 7)
    assert (fault.kind, fault.offset, fault.from_offset) == ("truncated", 16, 0)
    assert (fault.expected, fault.received) == (EXPECTED[:32], EXPECTED[:16])
    assert fault.dump()[-1] == "received 00000010:"


def test_what_is_too_long_differs_at_its_end() -> None:
    fault = FirstFault.between(EXPECTED, EXPECTED + b"more", 7)
    assert (fault.kind, fault.offset, fault.received[-4:]) == ("corrupted", 128, b"more")


def test_a_dump_is_bounded_however_large_the_payload_is() -> None:
    fault = FirstFault.between(bytes(1 << 20), bytes((1 << 20) - 1) + b"x", 7)
    assert (len(fault.expected), len(fault.dump())) == (32, 3)


def test_without_a_number_there_is_nothing_to_compare_with() -> None:
    fault = FirstFault.between(b"", b"\x1b[31mnoise" * 100, None, truncated=False)
    assert fault.summary == "corrupted, and its number cannot be told"
    shown = "received 00000000: 1b5b 3331 6d6e 6f69 7365 1b5b 3331 6d6e  .[31mnoise.[31mn"
    assert fault.dump() == ["expected 00000000:", shown]


def test_what_is_not_counted_has_no_key() -> None:
    assert HarmFigures().to_json() == {"truncated": 0, "first_fault": None}
    whole = HarmFigures(truncated=1, stalled=2, retried=3, first_fault=FirstFault.between(b"a", b"b", 1))
    assert list(whole.to_json()) == ["truncated", "stalled", "retried", "first_fault"]
