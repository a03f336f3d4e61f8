"""SIGMORPHON 2021, task 1: words in 21 languages and their pronunciations in IPA, with official splits.

From Wiktionary through WikiPron. `data.collection` names a language: "dut" of the ten with 8,000 training words each,
"ice" of the ten with 800, or "eng_us" with 33,344. A target is phones with spaces between them.
"""

from pathlib import Path

from crnn_audio.corpora import download
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.corpora.pairs import Pair, gathered, table
from crnn_audio.errors import DataError

NAME = "sigmorphon_g2p"
KIND = "transduction"
LICENCE = (
    "CC BY-SA 3.0 (Wiktionary's authors, through WikiPron and SIGMORPHON 2021): attribution, and the same licence on "
    "adapted data"
)
COMMIT = "821bcdece5a47820872215969f275004b0abe80c"
HOME = f"https://raw.githubusercontent.com/sigmorphon/2021-task1/{COMMIT}/data/"
NOT_FOR = (
    "Names, numerals, abbreviations and words of other languages; and it gives a word one pronunciation, whatever the "
    "sentence."
)
LANGUAGES = {
    "high": ("eng_us",),
    "medium": ("arm_e", "bul", "dut", "fre", "geo", "hbs_latn", "hun", "jpn_hira", "kor", "vie_hanoi"),
    "low": ("ady", "gre", "ice", "ita", "khm", "lav", "mlt_latn", "rum", "slv", "wel_sw"),
}
COLLECTIONS = tuple(name for names in LANGUAGES.values() for name in names)
SIZES = {"high": (33344, 4168, 4168), "medium": (8000, 1000, 1000), "low": (800, 100, 100)}
SPLITS = ("train", "dev", "test")


def read_splits(folder: Path, language: str | None = None) -> dict[str, list[Pair]]:
    """The words of a language by split.

    Raises:
        DataError: there is no such language, or a file is missing, damaged or not whole.
    """
    part = next((part for part, names in LANGUAGES.items() if language in names), None)
    if part is None:
        known = ", ".join(COLLECTIONS)
        raise DataError(f"{NAME}: data.collection names its language, one of {known} (found {language!r}).")
    found = {}
    for split, expected in zip(SPLITS, SIZES[part], strict=True):
        path = folder / "data" / part / f"{language}_{split}.tsv"
        if not path.is_file():
            raise DataError(f"{path}: no such file. {NAME}'s folder holds data/{part}/{language}_{split}.tsv.")
        rows = list(table(path))
        if len(rows) != expected:
            raise DataError(f"{path}: {len(rows)} words of {expected}. Fetch it again.")
        found[split] = gathered(rows, f"{language}-{split}")
    return found


def obtain(folder: Path, progress: Progress | None = None, *, home: str = HOME) -> None:
    """Downloads all languages (63 small files) as `folder`.

    Raises:
        DataError: they cannot be reached, or are not whole; `folder` is then not there.
    """
    with arriving(folder) as partial:
        for part, names in LANGUAGES.items():
            (partial / "data" / part).mkdir(parents=True)
            for name in (f"{language}_{split}.tsv" for language in names for split in SPLITS):
                download.fetch(f"{home}{part}/{name}", partial / "data" / part / name, name, progress)
        for language in COLLECTIONS:
            read_splits(partial, language)
