"""What a client asks for when it opens a socket, hostile words included."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.consumers import is_resumable
from execution.feed.handshake import (
    Offer,
    Place,
    is_allowed_origin,
    read_cookie,
    read_offer,
    read_place,
)
from execution.queries import Position

pytestmark = pytest.mark.unit
BIGGEST = 10**18 - 1


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ([], Offer(None, None)),
        (["chat"], Offer(None, None)),
        (["nexo.v1"], Offer(None, "nexo.v1")),
        (["token.abc"], Offer("abc", "token.abc")),
        (["nexo.v1", "token.abc"], Offer("abc", "nexo.v1")),
        (["token.abc", "nexo.v1"], Offer("abc", "nexo.v1")),
        (["token.a", "token.b"], Offer("a", "token.a")),
        (["token."], Offer("", "token.")),
        (["Token.abc"], Offer(None, None)),
    ],
)
def test_offers(offered: list[str], expected: Offer) -> None:
    assert read_offer(offered) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", None),
        (b"epoch=e", None),
        (b"token=abc", None),
        (b"since=0", Place(0, None)),
        (b"since=41&epoch=e", Place(41, "e")),
        (b"since=%34%31", Place(41, None)),
        (b"since=1&since=2", Place(2, None)),
        (b"since=1&epoch=", Place(1, "")),
        (b"since=999999999999999999", Place(BIGGEST, None)),
        *(
            (b"since=" + hostile, Place(None, None))
            for hostile in (
                b"",
                b"-1",
                b"%2B1",
                b"1.0",
                b"1e3",
                b"0x10",
                b"1_000",
                b"NaN",
                b"%00",
                b"1%00",
                b"1%0A",
                b"%201",
                b"\xff",
                b"%EF%BC%91",  # a digit, though none of ASCII's
                b"9" * 19,
                b"9" * 10_000,
                b"1;drop table",
            )
        ),
    ],
)
def test_places(query: bytes, expected: Place | None) -> None:
    assert read_place(query) == expected


@given(st.binary(max_size=200))
def test_any_query_is_read_without_an_error(query: bytes) -> None:
    place = read_place(query)
    assert place is None or place.since is None or 0 <= place.since <= BIGGEST


@pytest.mark.parametrize(
    ("place", "resumable"),
    [
        (Place(5000, None), True),
        (Place(5000, "here"), True),
        (Place(4000, "here"), True),
        (Place(3999, "here"), False),
        (Place(5001, "here"), False),
        (Place(5000, "elsewhere"), False),
        (Place(5000, ""), False),
        (Place(None, "here"), False),
    ],
)
def test_only_a_place_in_this_log_and_not_too_far_back_is_resumable(
    place: Place, resumable: bool
) -> None:
    assert is_resumable(place, Position("here", 5000)) is resumable


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        ([(b"cookie", b"other=1")], None),
        ([(b"cookie", b"sessionid=abc")], "abc"),
        ([(b"cookie", b"a=1; sessionid=abc; b=2")], "abc"),
        ([(b"cookie", b"a=1"), (b"cookie", b"sessionid=abc")], "abc"),
        # What other programs of the same host left must not sign anybody out.
        ([(b"cookie", b'settings={"a": [1]}; sessionid=abc')], "abc"),
        ([(b"cookie", b"a[b]=1; sessionid=abc")], "abc"),
        ([(b"cookie", b"\xff\xfe; =; ; sessionid=abc")], "abc"),
        ([(b"x-cookie", b"sessionid=abc")], None),
    ],
)
def test_cookies(headers: list[tuple[bytes, bytes]], expected: str | None) -> None:
    assert read_cookie(headers, "sessionid") == expected


@pytest.mark.parametrize(
    ("origins", "allowed"),
    [
        (["https://nexo.example:8443"], True),
        (["HTTPS://Nexo.Example:8443"], True),
        ([], False),
        ([""], False),
        (["null"], False),
        (["https://nexo.example"], False),
        (["https://nexo.example:443"], False),
        (["http://nexo.example:8443"], False),
        (["https://nexo.example:8443/"], False),
        (["https://nexo.example:8443.evil.example"], False),
        (["https://evil.example"], False),
        (["https://a.nexo.example:8443"], False),
        (["https://nexo.example:8443", "https://nexo.example:8443"], False),
        (["https://nexo.example:8443, https://evil.example"], False),
    ],
)
def test_origins_are_compared_whole(origins: list[str], allowed: bool) -> None:
    assert is_allowed_origin(origins, ["https://nexo.example:8443"]) is allowed
