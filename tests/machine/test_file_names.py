"""Names out of a user's text: every file system takes them, and none takes two for one."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsel.machine.file_names import distinct_names, folded, folder_name, plain_name, shortened

LONG = "良" * 100
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=100)
CASES = {
    "良性": "良性",
    "healthy tissue": "healthy tissue",
    "Tumour (grade 3)": "Tumour (grade 3)",
    "<5mm": "_5mm",
    "a/b": "a_b",
    "con.png": "_con.png",
    "CON": "_CON",
    "console": "console",
    "ends. ": "ends",
    "..": "_",
    "": "_",
}


@pytest.mark.parametrize("text", CASES)
def test_a_plain_name_keeps_what_every_file_system_takes(text: str) -> None:
    assert plain_name(text) == CASES[text]


@pytest.mark.parametrize("text", ["<5mm", ">5mm", "良性", "healthy tissue", "a.b", "é", "x" * 255])
def test_a_class_folder_is_called_as_the_class(text: str, tmp_path: Path) -> None:
    assert folder_name(text) == text
    (tmp_path / folder_name(text)).mkdir()


@pytest.mark.parametrize("text", ["a/b", "..", ".hidden", "", "a\0b", LONG])
def test_a_class_that_no_folder_can_be_called_after_gets_another_name(
    text: str, tmp_path: Path
) -> None:
    assert folder_name(text) != text
    (tmp_path / folder_name(text)).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [folder_name(text)]


@pytest.mark.parametrize(
    "names",
    [
        ["a_b.png", "a_b.png", "a_b.png"],
        ["Normal", "normal", "NORMAL"],
        ["é", unicodedata.normalize("NFD", "é")],
        ["straße", "STRASSE"],
        ["ﬁbre", "fibre"],
        ["tumour", "tumour. "],
        ["a.png", "a~2.png", "a.png"],
        [f"{LONG}.png"[-255:], f"{LONG}.png"[-255:].upper()],
    ],
)
def test_names_that_some_file_system_takes_for_one_are_kept_apart(names: list[str]) -> None:
    distinct = distinct_names(names)

    assert distinct[0] == names[0]
    assert len({folded(name) for name in distinct}) == len(names)
    assert [name.rpartition(".")[2] for name in distinct if name.endswith(".png")] == [
        "png" for name in names if name.endswith(".png")
    ]


@given(st.lists(TEXT, max_size=8))
def test_whatever_the_texts_no_two_names_are_one_and_each_is_short_and_fit(
    texts: list[str],
) -> None:
    for make in (plain_name, folder_name, lambda text: plain_name(text, ".png")):
        names = distinct_names(make(text) for text in texts)

        assert len({folded(name) for name in names}) == len(texts)
        for name in names:
            assert 0 < len(name.encode()) <= 255
            assert not set("/\0") & set(name)
            assert name not in (".", "..")


def test_long_texts_that_begin_alike_differ_in_their_ends() -> None:
    one, other = (shortened(LONG + end, 200) for end in "ab")

    assert one != other
    assert len(one.encode()) <= 200
    assert shortened("as it is", 8) == "as it is"
