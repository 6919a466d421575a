"""Who has passed a request on for whom, by the two headers that say so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.forwarded import MAX_ELEMENTS, parse_forwarded, parse_forwarded_for

ANY = st.lists(st.text(), max_size=5)


@pytest.mark.parametrize(
    ("values", "elements"),
    [
        (["for=192.0.2.60;proto=http;by=203.0.113.43"], [{"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"}]),
        (['For="[2001:db8:cafe::17]:4711"'], [{"for": "[2001:db8:cafe::17]:4711"}]),
        (["for=192.0.2.43, for=198.51.100.17"], [{"for": "192.0.2.43"}, {"for": "198.51.100.17"}]),
        (["for=1.1.1.1", "for=_hidden"], [{"for": "1.1.1.1"}, {"for": "_hidden"}]),
        ([r'for="a\"b\\c"; host="x,y;z"'], [{"for": 'a"b\\c', "host": "x,y;z"}]),
        (["for="], [{"for": ""}]),
    ],
)
def test_elements_are_told_apart_as_the_rfc_does(values: list[str], elements: list[dict[str, str]]) -> None:
    assert parse_forwarded(values) == tuple(elements)


@pytest.mark.parametrize("value", ["", "nothing", 'for="open', ", ,", "=x", "a b=c"])
def test_what_is_no_element_is_left_out(value: str) -> None:
    assert parse_forwarded([value]) == ()


def test_behind_what_is_no_element_nothing_is_guessed() -> None:
    assert parse_forwarded(["for=1.1.1.1, !?, for=2.2.2.2"]) == ({"for": "1.1.1.1"},)


def test_addresses_of_several_fields_are_one_list() -> None:
    assert parse_forwarded_for(["1.1.1.1, ::1", " 3.3.3.3:5 ,,"]) == ("1.1.1.1", "::1", "3.3.3.3:5")


def test_a_stranger_makes_no_more_of_it_than_a_path_can_have() -> None:
    assert len(parse_forwarded(["for=a," * 1000 + "for=b"])) == MAX_ELEMENTS
    assert len(parse_forwarded_for(["a," * 1000])) == MAX_ELEMENTS


@given(ANY)
def test_whatever_comes_is_read(values: list[str]) -> None:
    assert all(element for element in parse_forwarded(values))
    assert all(address == address.strip() != "" for address in parse_forwarded_for(values))
