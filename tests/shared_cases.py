"""Small inputs out of fault reports, in the folder `cases` beside the one that CRNN_AUDIO_DATA names."""

import os
from pathlib import Path

import pytest


def case(name: str) -> Path:
    """The folder of a case; the test is skipped where there is none."""
    data = os.environ.get("CRNN_AUDIO_DATA")
    folder = Path(data).parent / "cases" / name if data else None
    if folder is None or not folder.is_dir():
        pytest.skip(f"the case {name} is not here: it lies in the folder cases beside $CRNN_AUDIO_DATA")
    return folder
