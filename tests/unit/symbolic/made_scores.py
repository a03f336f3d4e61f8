"""Scores that hypothesis makes: of one pitch a part's notes are released in the order in which they are struck."""

from hypothesis import strategies as st

from crnn_audio.symbolic.bars import bar_length, needed_time_signatures
from crnn_audio.symbolic.keys import needed_keys
from crnn_audio.symbolic.score import MODES, Chord, Key, Note, Part, Score, TimeSignature
from crnn_audio.symbolic.ticks import quarters

LAST = 4000
"""Ticks: as late as a note may begin."""
NAMES = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")) | st.sampled_from("é%&\"'\\;\u266f"), max_size=12
)
METRES = [(4, 4), (3, 4), (6, 8), (2, 2), (5, 8), (9, 8), (7, 16)]
CHORDS = ["G", "Am7", "D/F#", "Bbmaj7", "F#m", "C7"]


@st.composite
def parts(draw: st.DrawFn, *, grid: int = 1, overlaps: bool = True, silent: bool = True) -> Part:
    """A part of up to eight notes on multiples of `grid` ticks; `overlaps`: of one pitch, too."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for _ in range(draw(st.integers(0 if silent else 1, 8))):
        start = grid * draw(st.integers(0, LAST // grid))
        pitch = draw(st.integers(0, 127) | st.just(60))
        spans.setdefault(pitch, []).append((start, start + grid * draw(st.integers(1, 2000 // grid))))
    notes = []
    for pitch, found in spans.items():
        starts, ends = sorted(start for start, _ in found), sorted(end for _, end in found)
        for number, start in enumerate(starts):
            end = ends[number]
            if not overlaps:
                if number + 1 < len(starts):
                    end = min(end, starts[number + 1])
                if end <= start:
                    continue
            notes.append(Note(quarters(start), quarters(end - start), pitch))
    return Part(draw(NAMES), tuple(sorted(notes)), draw(st.integers(0, 127)))


@st.composite
def scores(draw: st.DrawFn, *, grid: int = 1, overlaps: bool = True, silent: bool = False) -> Score:
    """Up to three parts with all that a score may have."""
    made = [draw(parts(grid=grid, overlaps=overlaps, silent=False))]
    made += draw(st.lists(parts(grid=grid, overlaps=overlaps, silent=silent), max_size=2))
    end = max(part.end for part in made)
    metres, pickup = draw(_metres(end)) if draw(st.booleans()) else ((), 0.0)
    times = st.integers(0, LAST // grid).map(lambda tick: quarters(grid * tick))
    keys = st.builds(Key, times.filter(lambda start: start < end), st.integers(-7, 7), st.sampled_from(list(MODES)))
    starts = sorted({note.start for part in made for note in part.notes})
    return Score(
        parts=tuple(made),
        title=draw(NAMES),
        tempo=draw(st.integers(16, 1600)) / 4,
        time_signatures=metres,
        keys=needed_keys(draw(st.lists(keys, max_size=2))),
        pickup=pickup,
        chords=tuple(sorted(set(draw(st.lists(st.builds(Chord, times, st.sampled_from(CHORDS)), max_size=3))))),
        fermatas=tuple(sorted(set(draw(st.lists(st.sampled_from(starts), max_size=2))))),
    )


@st.composite
def _metres(draw: st.DrawFn, end: float) -> tuple[tuple[TimeSignature, ...], float]:
    """A metre from the beginning, perhaps after a pickup, and perhaps others from bar lines on."""
    first = TimeSignature(0.0, *draw(st.sampled_from(METRES)))
    pickup = draw(st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0]))
    pickup = pickup if pickup < min(first.bar, end) else 0.0
    found, start = [first], pickup
    for _ in range(draw(st.integers(0, 2))):
        start += draw(st.integers(1, 3)) * float(bar_length(found[-1])) / 480
        if start < end:
            found.append(TimeSignature(start, *draw(st.sampled_from(METRES))))
    return needed_time_signatures(found, pickup), pickup
