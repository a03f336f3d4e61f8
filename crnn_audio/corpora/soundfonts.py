"""The soundfonts that corpora are rendered with, as Debian and Ubuntu package them."""

from collections.abc import Sequence
from pathlib import Path

from crnn_audio.errors import DataError

LICENCE = "MIT (FluidR3 by Frank Wen, MuseScore General by S. Christian Collins); of test recordings GPL-2 (TimGM6mb)"
TRAINING = ("FluidR3_GM.sf2", "MuseScore_General_Lite.sf3")
TESTING = ("TimGM6mb.sf2",)
PACKAGES = {
    "FluidR3_GM.sf2": "fluid-soundfont-gm",
    "MuseScore_General_Lite.sf3": "musescore-general-soundfont-small",
    "TimGM6mb.sf2": "timgm6mb-soundfont",
}
FOLDERS = (Path("data/soundfonts"), Path("/usr/share/sounds/sf2"), Path("/usr/share/sounds/sf3"))


def located(names: Sequence[str]) -> tuple[Path, ...]:
    """The files of these names, in data/soundfonts or where Debian puts them.

    Raises:
        DataError: one is nowhere, with the package that has it.
    """
    found = {name: next((folder / name for folder in FOLDERS if (folder / name).is_file()), None) for name in names}
    if missing := [name for name, path in found.items() if path is None]:
        packages = " ".join(PACKAGES[name] for name in missing)
        places = ", ".join(map(str, FOLDERS))
        raise DataError(f"no soundfont {', '.join(missing)} in {places}. On Debian: apt install {packages}.")
    return tuple(path for path in found.values() if path is not None)
