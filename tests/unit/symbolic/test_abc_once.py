"""ABC read as it stands: each strain once, of endings the last, whatever the order of the parts."""

import pytest

from crnn_audio.symbolic import abc


def pitches(body: str, head: str = "", repeats: bool = False) -> str:
    """The letters of the notes of quarter notes in C."""
    (source,) = abc.tune_sources(f"X:1\nM:4/4\nL:1/4\n{head}K:C\n{body}\n")
    notes = abc.read_tune(source, repeats=repeats).score.parts[0].notes
    return "".join("C D EF G A B"[note.pitch - 60] for note in notes)


@pytest.mark.parametrize(
    ("body", "once", "played"),
    [
        ("CDEF|GABG|]", "CDEFGABG", "CDEFGABG"),
        ("|:CDEF:|:GABG:|", "CDEFGABG", "CDEFCDEFGABGGABG"),
        ("|:CDEF|1GABG:|2AAAA|]", "CDEFAAAA", "CDEFGABGCDEFAAAA"),
        ("|:CDEF|[1GABG:|[2AAAA||BBBB|]", "CDEFAAAABBBB", "CDEFGABGCDEFAAAABBBB"),
        ("|:CDEF|[1,2GABG:|[3AAAA|]", "CDEFAAAA", "CDEFGABGCDEFGABGCDEFAAAA"),
        ("|:CDEF|[1GABG|GGGG:|[2AAAA|EEEE:|\n|:FFFF:|", "CDEFAAAAEEEEFFFF", None),
    ],
)
def test_each_strain_stands_once(body: str, once: str, played: str | None) -> None:
    assert pitches(body) == once
    assert played is None or pitches(body, repeats=True) == played


def test_parts_stand_as_they_are_written() -> None:
    body = "P:A\nCDEF|\nP:B\nGABG|"
    assert pitches(body, head="P:ABA\n") == "CDEFGABG"
    assert pitches(body, head="P:ABA\n", repeats=True) == "CDEFGABGCDEF"
