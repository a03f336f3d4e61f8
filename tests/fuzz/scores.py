"""Files of music to be damaged: the same piece in every format, and the same with odd things in the right places."""

import zipfile
from functools import cache
from io import BytesIO
from xml.etree import ElementTree

from crnn_audio.symbolic.abc import from_abc
from crnn_audio.symbolic.midi import to_midi
from crnn_audio.symbolic.musicxml import to_musicxml
from crnn_audio.symbolic.score_json import as_json as as_value
from tests.fuzz.mutations import Draw, as_json, changed_inside, damaged

ABC = """M:6/8

X:1
T:The Lark & "x" \\'e
H:history
more of it
M:4/4
L:1/8
P:A(AB)2
U:T=!trill!
V:1 name="one" clef=treble-8
V:2 octave=-1
K:Emi
P:A
V:1
%%MIDI transpose 2
|:"Em7"{ab}C2 D>E (3FGA [CEG]2-|[1 [CEG]4 z4:|[2 _B,=C ^^F//G/ !fermata!H c4::
P:B
[K:D mix][M:3/4]"^text [V:1]"A6|~B3 .C3 Z2||
V:2
C8|D8|E8 & c8|
+:F8
%%begintext
abc
%%endtext
[V:1] G4 y2 (C D) |: c'8 :|
"""
SIGNS = (
    '["C', "[CEG]", "(3", "(9:2:9", ":|", "|:", "::", ":" * 120, "[1", "[2", "||", "|]", '"Am"', '"', "!fermata!", "!",
    "{", "}", "^^", "=", ">", "<<<", "-", "&", "z99999", "Z999", "c'''", "C/99999", "C99999", "[K:em]", "[M:1/128]",
    "[M:255/1]", "[V:2]", "[P:A]", "\nP:B\n", "\nK:\n", "\nK:HP\n", "\nV:3 clef=perc\n", "\nX:2\n", "\n\n", "\n+:CDE\n",
    "\n%%MIDI transpose -99\n", "\n%%begintext\n", "\nQ:1/4=0\n", "\\", "%", "/" * 40, "9" * 5000, "\x85", "\u2028",
    "٣",
)  # fmt: skip
NUMBERS = (
    "0",
    "-1",
    "3",
    "0.5",
    "1e9",
    "99999",
    "100000000",
    "1000000000000",
    "nan",
    "inf",
    "",
    "x",
    "3+2",
    "128",
    "٣",
)
INSIDE = (
    '<barline><repeat direction="backward" times="5"/></barline>', '<barline><repeat direction="forward"/></barline>',
    '<barline><ending number="1,2" type="start"/></barline>', "<backup><duration>1000</duration></backup>",
    "<note><cue/><chord/><pitch><step>C</step><octave>4</octave></pitch></note>", '<note><rest measure="yes"/></note>',
    '<direction><sound dacapo="yes"/></direction>', "<attributes><staves>2</staves></attributes>",
)  # fmt: skip


def made(rng: Draw) -> tuple[str, bytes]:
    """A suffix and what stands in a file of that name: damaged as bytes, or odd in its own terms."""
    suffix = rng.choice((".abc", ".mid", ".musicxml", ".mxl", ".json"))
    if suffix == ".abc":
        content = _odd_abc(rng).encode()
    elif suffix == ".json":
        content = as_json(rng, changed_inside(rng, as_value(from_abc(ABC).score))).encode("utf-8", "surrogatepass")
    elif suffix == ".mid":
        return suffix, damaged(rng, to_midi(from_abc(ABC).score))
    else:
        content = _odd_xml(rng, _xml())
        content = _packed(content) if suffix == ".mxl" else content
    return suffix, damaged(rng, content) if rng.random() < 0.3 else content


def _odd_abc(rng: Draw) -> str:
    lines = ABC.splitlines()
    for _ in range(rng.choice((1, 3, 30))):
        at = rng.randrange(len(lines))
        cut = rng.randrange(len(lines[at]) + 1)
        lines[at] = lines[at][:cut] + rng.choice(SIGNS) + lines[at][cut:]
    return "\n".join(lines) + "\n"


@cache
def _xml() -> bytes:
    return to_musicxml(from_abc(ABC).score)


def _odd_xml(rng: Draw, content: bytes) -> bytes:
    root = ElementTree.fromstring(content)
    for _ in range(rng.choice((0, 1, 2, 4))):
        parent = rng.choice([one for one in root.iter() if len(one)])
        at = rng.randrange(len(parent))
        what = rng.choice(("number", "number", "attribute", "gone", "twice", "tag", "inside"))
        if what == "number":
            rng.choice([one for one in root.iter() if (one.text or "").strip()]).text = rng.choice(NUMBERS)
        elif what == "attribute":
            one = rng.choice([one for one in root.iter() if one.attrib])
            one.set(rng.choice(list(one.attrib)), rng.choice(NUMBERS))
        elif what == "gone":
            parent.remove(parent[at])
        elif what == "twice":
            parent.insert(at, parent[at])
        elif what == "tag":
            parent[at].tag = rng.choice(
                ("note", "rest", "chord", "backup", "grace", "cue", "part", "measure", "duration")
            )
        else:
            parent.insert(at, ElementTree.fromstring(rng.choice(INSIDE)))
    return ElementTree.tostring(root)


def _packed(content: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", '<container><rootfile full-path="a"/></container>')
        archive.writestr("a", content)
    return file.getvalue()
