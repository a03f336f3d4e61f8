"""Any folder of MIDI, or a corpus of music, as recordings with exact labels: `prepare render`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crnn_audio.batching.manifests import Cut
from crnn_audio.batching.plan import key
from crnn_audio.corpora import CORPORA, groove_midi, home
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.corpora.own.pairs import places, walk
from crnn_audio.corpora.rendered import Piece, Rendering, render
from crnn_audio.corpora.tunes import HELD_OUT, Tune
from crnn_audio.errors import DataError
from crnn_audio.files import read_bytes
from crnn_audio.symbolic import played

SPLITS = ("train", "dev", "test")
SUFFIXES = (".mid", ".midi")
NAMED = 5

Splits = Mapping[str, Sequence[Piece]]


@dataclass(frozen=True)
class RenderedFolder:
    """Recordings and manifests in `folder`, by split; of each file that could not be read the reason."""

    folder: Path
    splits: Mapping[str, list[Cut]]
    problems: tuple[str, ...]


def prepare_rendered(
    source: str,
    soundfonts: Sequence[str],
    out: Path,
    how: Rendering,
    progress: Progress | None = None,
) -> RenderedFolder:
    """Renders a corpus of music, groove_midi, or a folder of MIDI files into a new folder.

    Args:
        source: the name of a corpus, or a folder, whose folders train, dev and test are splits; without them files are
            held out by a hash of their names.
        soundfonts: files; "test=FILE" is for one split alone, which then has no other.
        how: the rest of the rendering.

    Raises:
        DataError: there is no such source, half of its files cannot be read, a soundfont is missing, damaged or can
            play none of it, or `out` exists.
    """
    if out.exists():
        raise DataError(f"{out}: exists. Choose another folder with --out, or remove it.")
    fonts = _by_split(soundfonts)
    pieces, problems = _pieces(source)
    plans = {split: (found, replace(how, fonts=fonts[split])) for split, found in pieces.items() if found}
    with arriving(out) as partial:
        render(plans, partial, progress)
    from crnn_audio.corpora.manifest_folder import read_splits

    return RenderedFolder(out, read_splits(out), tuple(problems))


def _by_split(soundfonts: Sequence[str]) -> dict[str, tuple[Path, ...]]:
    own: dict[str, list[Path]] = {split: [] for split in ("", *SPLITS)}
    for one in soundfonts:
        split, equals, path = one.partition("=")
        own[split if equals and split in SPLITS else ""].append(Path(path if equals and split in SPLITS else one))
    missing = next((split for split in SPLITS if not (own[split] or own[""])), None)
    if missing:
        raise DataError(
            f"no soundfont for {missing}. Give one with --soundfont FILE, for all splits without their own."
        )
    return {split: tuple(own[split] or own[""]) for split in SPLITS}


def _pieces(source: str) -> tuple[Splits, list[str]]:
    if source == groove_midi.SOURCE:
        folder = home.find(groove_midi.SOURCE)
        if folder is None:
            raise DataError(f"{source}: not found. {groove_midi.ADVICE}")
        return groove_midi.read_pieces(folder), []
    if source in CORPORA:
        found = CORPORA[source].read_splits(home.locate(CORPORA[source]))
        if not all(isinstance(one, Tune) for pieces in found.values() for one in pieces):
            raise DataError(
                f"{source}: holds no notes that could be played. Name a corpus of music, or a folder of MIDI."
            )
        return {
            split: [Piece(one.id, played.from_score(one.score)) for one in some] for split, some in found.items()
        }, []
    return _of_folder(Path(source))


def _of_folder(folder: Path) -> tuple[Splits, list[str]]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, and no corpus of that name. Name a folder of MIDI files.")
    paths = [path for path in walk(folder) if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise DataError(f"{folder}: holds no MIDI. Files should end in {', '.join(SUFFIXES)}.")
    splits: dict[str, list[Piece]] = {split: [] for split in SPLITS}
    problems = list[str]()
    for path in paths:
        name = path.relative_to(folder)
        try:
            piece = Piece(name.as_posix(), played.from_midi(read_bytes(path)))
        except (DataError, OSError) as error:
            problems.append(f"{path}: {error}")
            continue
        splits[places(name)[0] or _held_out(piece.id)].append(piece)
    if 2 * len(problems) > len(paths):
        raise DataError(
            f"{folder}: {len(problems)} of {len(paths)} files cannot be used: {'; '.join(problems[:NAMED])}"
        )
    if not splits["train"]:
        splits = {"train": [piece for some in splits.values() for piece in some], "dev": [], "test": []}
    return splits, problems


def _held_out(name: str) -> str:
    place = key("split", name) / 2**63
    return "test" if place < HELD_OUT else "dev" if place < 2 * HELD_OUT else "train"


def programs(text: str) -> tuple[int, ...]:
    """General MIDI programs of a list such as "0-7,24".

    Raises:
        DataError: it is none.
    """
    found = list[int]()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last or first) > 127:
            raise DataError(f"--instruments {text!r}: a list of General MIDI programs is written 0-7,24.")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)
