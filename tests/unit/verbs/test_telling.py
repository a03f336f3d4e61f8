"""What the command line says of odd names leaves the terminal as it is."""

import pytest

from crnn_audio.verbs import telling


def test_control_characters_are_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    telling.say("\x1b[2J\x07.wav: \x9b31m, \x7f and \0\r\n\tdas ist größer 日本")
    assert capsys.readouterr().err == "\\x1b[2J\\x07.wav: \\x9b31m, \\x7f and \\x00\\x0d\n\tdas ist größer 日本\n"
