"""Soundfonts that the test writes itself: zones, tuning, loops, envelopes and the filter, against what was put in."""

from pathlib import Path

import numpy as np
import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic import soundfont
from tests.soundfonts import INSTRUMENT, KEYS, LOOPS, PERIOD, RATE, ROOT, SAMPLE, VELOCITIES, sine, write


def frequency(sound: np.ndarray) -> float:
    """By zero crossings, in hertz."""
    ups = np.flatnonzero((sound[:-1] < 0) & (sound[1:] >= 0))
    return float((len(ups) - 1) * RATE / (ups[-1] - ups[0]))


def test_a_recording_at_its_own_pitch_is_played_as_it_is(tmp_path: Path) -> None:
    font = write(tmp_path / "a.sf2", [[(SAMPLE, 0)]])
    sound = soundfont.tone(font, 5, 69, 0.08, RATE)
    assert sound.dtype == np.float32
    np.testing.assert_allclose(sound[200:], sine(40)[200 : len(sound)] / 32768, atol=1e-4)  # after an attack of 1 ms


@pytest.mark.parametrize(
    ("key", "cents", "zone", "pitch", "hertz"),
    [
        (69, 0, [], 81, 882.0),
        (69, 0, [], 57, 220.5),
        (60, 0, [(ROOT, 69)], 69, 441.0),  # a zone's root key counts and not the sample's
        (60, 0, [(ROOT, 69)], 81, 882.0),
        (60, 0, [], 60, 441.0),
        (69, 50, [(52, -50)], 69, 441.0),  # the sample's correction and the zone's fine tuning
        (69, 0, [(51, -12)], 69, 220.5),
        (69, 0, [(56, 50)], 93, 882.0),  # half a semitone a key
        (69, 0, [(56, 0)], 30, 441.0),
    ],
)
def test_tuning(tmp_path: Path, key: int, cents: int, zone: list, pitch: int, hertz: float) -> None:
    font = write(tmp_path / "a.sf2", [[*zone, (SAMPLE, 0), (LOOPS, 1)]], key=key, cents=cents)
    assert frequency(soundfont.tone(font, 5, pitch, 0.5, RATE)) == pytest.approx(hertz, rel=2e-3)


def test_another_sample_rate_is_the_same_pitch(tmp_path: Path) -> None:
    font = write(tmp_path / "a.sf2", [[(SAMPLE, 0), (LOOPS, 1)]])
    assert frequency(soundfont.tone(font, 5, 69, 0.5, 22050)) * 22050 / RATE == pytest.approx(441, rel=2e-3)


def test_a_loop_goes_on_without_a_seam_and_without_one_the_sample_ends(tmp_path: Path) -> None:
    looped = soundfont.tone(write(tmp_path / "a.sf2", [[(SAMPLE, 0), (LOOPS, 1)]]), 5, 69, 1.0, RATE)
    np.testing.assert_allclose(looped[200:], np.resize(sine(40), RATE)[200:] / 32768, atol=1e-4)
    once = soundfont.tone(write(tmp_path / "b.sf2", [[(SAMPLE, 0)]]), 5, 69, 1.0, RATE)
    assert np.abs(once[3800:3990]).max() > 0.5
    assert np.abs(once[4000:]).max() == 0


def test_loop_points_may_be_moved_before_the_start(tmp_path: Path) -> None:
    moved = [(0, 10 * PERIOD), (2, -10 * PERIOD), (3, -25 * PERIOD), (SAMPLE, 0), (LOOPS, 1)]
    sound = soundfont.tone(write(tmp_path / "a.sf2", [moved]), 5, 69, 0.5, RATE)
    np.testing.assert_allclose(sound[200:], np.resize(sine(40), len(sound))[200:] / 32768, atol=1e-4)


def test_zones_by_key_and_velocity(tmp_path: Path) -> None:
    def span(low: int, high: int) -> int:
        return int(np.array(low | high << 8, dtype="<u2").view("<i2"))

    zones = [
        [(LOOPS, 1), (51, 12)],  # for all, since it leads nowhere
        [(KEYS, span(0, 59)), (SAMPLE, 0)],
        [(KEYS, span(60, 127)), (VELOCITIES, span(0, 90)), (51, 24), (SAMPLE, 0)],
        [(KEYS, span(60, 70)), (VELOCITIES, span(91, 127)), (51, 0), (SAMPLE, 0)],
    ]
    font = write(tmp_path / "a.sf2", zones)
    assert [len(soundfont.zones(font, 5, pitch, 100)) for pitch in (0, 59, 60, 70, 71)] == [1, 1, 1, 1, 0]
    assert frequency(soundfont.tone(font, 5, 57, 0.5, RATE)) == pytest.approx(441, rel=2e-3)
    assert frequency(soundfont.tone(font, 5, 69, 0.5, RATE)) == pytest.approx(441, rel=2e-3)
    assert frequency(soundfont.tone(font, 5, 69, 0.5, RATE, velocity=50)) == pytest.approx(1764, rel=2e-3)
    assert not soundfont.tone(font, 5, 71, 0.5, RATE).any()
    assert not soundfont.tone(font, 6, 69, 0.5, RATE).any(), "no such program"


def test_a_preset_adds_to_its_zones_and_layers_sound_together(tmp_path: Path) -> None:
    font = write(
        tmp_path / "a.sf2",
        [[(51, 12), (SAMPLE, 0), (LOOPS, 1)]],
        preset=[[(51, -24), (INSTRUMENT, 0)], [(51, -12), (48, 1000), (INSTRUMENT, 0)]],
    )
    assert [zone[51] for zone in soundfont.zones(font, 5, 69, 100)] == [-12, 0]
    assert [zone.get(48, 0) for zone in soundfont.zones(font, 5, 69, 100)] == [0, 1000]
    sound = soundfont.tone(font, 5, 69, 0.5, RATE)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    low, high = spectrum[round(220.5 / 2)], spectrum[round(441 / 2)]
    assert 20 * np.log10(low / high) == pytest.approx(40, abs=1.5)  # 1000 centibels, of which 0.4


def test_the_volume_rises_holds_and_falls(tmp_path: Path) -> None:
    """An attack of a quarter second, a hold of a quarter, a decay of 100 dB in two seconds down to -20 dB."""
    zone = [(34, -2400), (35, -2400), (36, 1200), (37, 200), (SAMPLE, 0), (LOOPS, 1)]
    sound = np.abs(soundfont.tone(write(tmp_path / "a.sf2", [zone]), 5, 69, 2.0, RATE)) * 32768 / 20000
    peaks = [float(sound[round(at * RATE) : round(at * RATE) + 2 * PERIOD].max()) for at in (0.125, 0.35, 0.7, 1.5)]
    assert peaks == pytest.approx([0.51, 1.0, 10 ** (-10 / 20), 0.1], abs=0.02)


def test_the_filter_lets_low_tones_through_and_follows_its_envelope(tmp_path: Path) -> None:
    closed = [(8, 5700), (SAMPLE, 0), (LOOPS, 1), (56, 100)]  # 5,700 cents are 220 Hz
    font = write(tmp_path / "a.sf2", [closed])

    def level(font: soundfont.SoundFont, pitch: int, start: float = 0.3) -> float:
        sound = soundfont.tone(font, 5, pitch, 1.0, RATE)[round(start * RATE) : round((start + 0.2) * RATE)]
        return float(20 * np.log10(np.abs(sound).max() * 32768 / 20000))

    assert level(font, 57 - 24) == pytest.approx(0, abs=0.5)
    assert level(font, 57) == pytest.approx(-3, abs=0.5)
    assert level(font, 57 + 24) == pytest.approx(-24, abs=1)
    closing = write(tmp_path / "b.sf2", [[*closed, (11, 6000), (28, -1200), (29, 1000)]])
    assert level(closing, 69, 0.01) == pytest.approx(0, abs=1)
    assert level(closing, 69, 0.7) == pytest.approx(-12, abs=1)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\0\0\0\0sfbkLIST\xff\xff\0\0pdtaphdr\x09\0\0\0nine byte"])
def test_what_is_no_soundfont(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.sf2"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.sf2: not a soundfont that can be read"):
        soundfont.read(path)


def test_compressed_samples_of_version_3_sound_as_others_do(tmp_path: Path) -> None:
    wave = sine(400)
    plain = write(tmp_path / "a.sf2", [[(SAMPLE, 0)]], recording=wave)
    packed = write(tmp_path / "b.sf3", [[(SAMPLE, 0)]], recording=wave, compressed=True)
    one, other = (soundfont.tone(font, 5, 69, 0.5, RATE) for font in (plain, packed))
    assert np.corrcoef(one[2000:-2000], other[2000:-2000])[0, 1] > 0.999


def test_kits_lie_in_a_bank_of_their_own(tmp_path: Path) -> None:
    font = write(tmp_path / "a.sf2", [[(SAMPLE, 0)]], program=8, bank=128)
    assert (font.presets(), font.presets(128)) == ([], [8])
    assert soundfont.tone(font, 8, 69, 0.1, RATE, bank=128).any()
    assert not soundfont.tone(font, 8, 69, 0.1, RATE).any()


def test_tables_that_contradict_each_other_are_an_error(tmp_path: Path) -> None:
    font = write(tmp_path / "a.sf2", [[(SAMPLE, 7)]])
    with pytest.raises(DataError, match=r"a\.sf2: a damaged soundfont"):
        soundfont.tone(font, 5, 69, 0.1, RATE)
