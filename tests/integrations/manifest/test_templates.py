from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.manifest.templates import CALLS, FUNCTIONS, Position, Template, UnfitValueError

ANY_TEXT = st.text(max_size=30) | st.text(alphabet="./\\%?#@:;{}|2eEfF", max_size=12)


def filled(text: str, position: Position = Position.TEXT, **values: str) -> str:
    return Template(text, position=position).fill(lambda name: values[name])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a {name} b", "a Up b"),
        ("{name|lower}", "up"),
        ("{name|upper}", "UP"),
        ("{name|base64}", "VXA="),
        ("{name|hex}", "5570"),
        ("{{{name}}}", "{Up}"),
        ("no field", "no field"),
    ],
)
def test_fields_are_filled(text: str, value: str) -> None:
    assert filled(text, name="Up") == value


def test_sha256_is_that_of_the_standard() -> None:
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1

    assert filled("{name|sha256}", name="abc") == digest


def test_functions_for_urls() -> None:
    assert filled("{url|host}", url="https://API.example:8443/x") == "api.example"
    assert filled("{url|trim_slash}", url="https://a/b//") == "https://a/b"
    assert filled("{url|trim}", url=" a ") == "a"
    assert filled("/{path|segments}", Position.PATH, path="src/a b.py") == "/src/a%20b.py"


def test_a_call_is_looked_up_with_its_brackets() -> None:
    assert Template("t={unix_time()}").fill({"unix_time()": "7"}.__getitem__) == "t=7"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{name", "a brace without its partner"),
        ("name}", "a brace without its partner"),
        ("{name|base65}", "'base65' is no function; there are base64"),
        ("{now()}", r"'now\(\)' is no function; there are iso_time\(\)"),
        ("{}", "is no name"),
        ("{a b}", "is no name"),
        ("{__import__('os')}", "is no name"),
        ("{name.__class__|}", "is no function"),
    ],
)
def test_what_is_no_template_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Template(text)


def test_there_are_few_functions() -> None:
    assert len(FUNCTIONS) + len(CALLS) == 16


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_path_segment_is_never_empty_or_dots(value: str) -> None:
    with pytest.raises(UnfitValueError):
        filled("/a/{x}/b", Position.PATH, x=value)


@pytest.mark.parametrize("value", ["a/../b", "..", "a//b", "/a", "a/"])
def test_segments_keep_slashes_but_no_dots(value: str) -> None:
    with pytest.raises(UnfitValueError):
        filled("/{x|segments}", Position.PATH, x=value)


def test_dots_put_together_are_refused() -> None:
    with pytest.raises(UnfitValueError):
        filled("/a/.{x}/b", Position.PATH, x=".")


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\x00", "\x7f"])
def test_a_header_holds_no_control_character_and_the_error_no_value(value: str) -> None:
    with pytest.raises(UnfitValueError) as error:
        filled("Bearer {secret.token}", Position.HEADER, **{"secret.token": value})

    assert value not in str(error.value)


@given(ANY_TEXT, ANY_TEXT)
def test_an_input_never_changes_host_or_path_structure(owner: str, repo: str) -> None:
    template = Template("/repos/{owner}/{repo}/issues", position=Position.PATH)
    try:
        path = template.fill({"owner": owner, "repo": repo}.__getitem__)
    except (UnfitValueError, UnicodeEncodeError):
        return

    url = httpx.URL("https://api.example/v1" + path)

    raw = url.raw_path.decode()
    assert (url.host, url.scheme, url.port) == ("api.example", "https", None)
    assert "?" not in raw
    assert "#" not in raw
    parts = raw.split("/")
    assert parts[1:3] == ["v1", "repos"]
    assert parts[5:] == ["issues"]
    assert [unquote(part) for part in parts[3:5]] == [owner, repo]
