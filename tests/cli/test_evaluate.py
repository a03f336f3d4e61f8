"""`evaluate`: counts that jiwer counts again from what `transcribe` says, and rows of results.json."""

import json
import shutil
import statistics
import subprocess
from pathlib import Path

import jiwer
import numpy as np
import pytest
import soundfile
from safetensors.torch import load_file

from crnn_audio import hardware, runs
from crnn_audio.batching import manifests
from crnn_audio.evaluation import tables

FIELDS = ["run", "split", "wer", "cer", "words", "substitutions", "deletions", "insertions", "interval"]
ROW = (
    "recipe settings trained_on split metric head cell input seeds values mean sd parameters steps train_seconds "
    "commands commit dirty device cpu precision torch threads date"
).split()


def test_counts_are_those_of_the_transcripts(cli, tiny: Path) -> None:
    cuts = {split: manifests.load(tiny / f"{split}.jsonl") for split in ("train", "test")}
    files = [cut.recording.path for split in cuts.values() for cut in split]
    transcripts = iter(cli("transcribe", "run", *files, "--format", "jsonl").stdout.splitlines())
    for split in cuts:
        said = [cut.text for cut in cuts[split]]
        hypotheses = [json.loads(next(transcripts))["text"] for _ in said]
        words, characters = jiwer.process_words(said, hypotheses), jiwer.process_characters(said, hypotheses)
        found = json.loads(cli("evaluate", "run", "--split", split, "--json").stdout)
        assert set(FIELDS) <= found.keys()
        assert (found["run"], found["split"]) == ("run", split)
        assert found["wer"] == pytest.approx(words.wer)
        assert found["cer"] == pytest.approx(characters.cer)
        assert found["words"] == sum(len(text.split()) for text in said)
        assert found["utterances"] == len(said)
        names = ("substitutions", "deletions", "insertions")
        assert [found[name] for name in names] == [getattr(words, name) for name in names]
        assert 0 <= found["interval"][0] <= found["wer"] <= found["interval"][1]
        if split == "train":
            assert found["wer"] < 0.5, "what was learned by heart does not come out"
    assert found["corpus"] == str(tiny)
    check_text(found, cli("evaluate", "run", "--worst", "2"), tiny)


def test_a_corpus_without_test_is_evaluated_and_published_by_dev(
    cli, workshop: Path, tiny: Path, tmp_path: Path
) -> None:
    corpus = shutil.copytree(tiny, tmp_path / "half")
    (corpus / "test.jsonl").unlink()
    done = cli("evaluate", "run", "--root", corpus, "--json")
    assert json.loads(done.stdout)["split"] == "dev"
    assert done.stderr == f"{corpus} has no test split; this is dev, by which training chose the weights.\n"
    assert cli("evaluate", "run", "--root", corpus, "--split", "dev", "--json").stderr == ""
    done = cli("evaluate", "run", "--root", corpus, "--split", "test", exit_code=4)
    assert done.stderr == f"{corpus}: no split 'test'; it has train, dev.\n"
    done = cli("evaluate", "run", "--corpus", "manifests", "--root", corpus, "--json")
    assert (json.loads(done.stdout)["split"], done.stderr) == ("dev", ""), "training chose nothing by another corpus"
    done = cli("evaluate", "run", "--corpus", "an4", "--record", exit_code=2)
    assert "leave out --noise, --reverberation and --corpus." in done.stderr
    done = cli("publish", workshop / "run", "--out", "small", "--root", corpus, cwd=tmp_path)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr.startswith("half has no test split; the model card has scores on dev alone.\n")


def check_text(found: dict, done: subprocess.CompletedProcess[str], tiny: Path) -> None:
    """The same figures for people, in per cent."""
    lines = done.stdout.splitlines()
    assert done.stderr == ""
    assert lines[0] == f"run on {tiny} test: 4 utterances, 6 words"
    low, high = found["interval"]
    assert lines[1] == (
        f"  WER {100 * found['wer']:.2f} %  (95 % interval {100 * low:.2f} to {100 * high:.2f})  "
        f"{found['substitutions']} substitutions, {found['deletions']} deletions, {found['insertions']} insertions"
    )
    assert lines[2] == f"  CER {100 * found['cer']:.2f} %"
    rows = lines[3:] if found["roc_auc"] is None else lines[4:]
    assert [line[:16] for line in rows[1::3]] == ["    reference   "] * 2
    assert [line[:16] for line in rows[2::3]] == ["    hypothesis  "] * 2
    assert len(rows) == 2 * 3
    assert [line for line in lines if line != line.rstrip()] == []


def test_no_worst_utterances_shown_on_a_named_device(cli) -> None:
    done = cli("evaluate", "run", "--worst", "0", "--device", "cpu")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["run", "WER", "CER"]
    done = cli("evaluate", "run", "--device", "abacus", exit_code=3)
    assert "abacus" in done.stderr
    assert done.stdout == ""


def test_noise_and_reverberation_are_options_and_never_recorded(cli, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name in ("noise", "responses"):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "one.wav", 0.1 * generator.standard_normal(16000), 16000)

    def cer(*words: object) -> float:
        return json.loads(cli("evaluate", "run", "--split", "train", "--json", *words).stdout)["cer"]

    hiss = ("--noise", tmp_path / "noise", "--snr")
    assert cer() == cer(*hiss, 80) < cer(*hiss, -10)
    assert cer(*hiss, -10) == cer(*hiss, -10), "the same each time"
    assert cer("--reverberation", tmp_path / "responses") > cer()
    assert "--record" in cli("evaluate", "run", "--noise", tmp_path / "noise", "--record", exit_code=2).stderr
    assert "nowhere" in cli("evaluate", "run", "--noise", "nowhere", exit_code=4).stderr


def test_no_such_split(cli, tiny: Path) -> None:
    done = cli("evaluate", "run", "--split", "exam", exit_code=4)
    assert done.stderr == f"{tiny}: no split 'exam'; it has train, dev, test.\n"
    assert done.stdout == ""


@pytest.fixture
def tree(workshop: Path, tmp_path: Path) -> Path:
    """A working directory that may be written to."""
    shutil.copytree(workshop, tmp_path / "tree")
    return tmp_path / "tree"


def rows(tree: Path) -> dict[tuple[str, str], dict]:
    found = json.loads((tree / "recipes" / "tiny" / "results.json").read_text(encoding="utf-8"))
    return {(row["split"], row["metric"]): row for row in found}


def silenced(tree: Path, seed: int) -> None:
    """Makes `run2`: the run as another seed would have trained it, if that had learned to say nothing at all."""
    shutil.copytree(tree / "run", tree / "run2")
    recipe = tree / "run2" / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("seed: 1\n", f"seed: {seed}\n"))
    weights = load_file(tree / "run2" / "best.safetensors")
    weights["head.linear.bias"][0] += 1000
    runs.open_run(tree / "run2").save_weights("best", weights)


def test_recorded_rows_of_one_seed_and_of_two(cli, tree: Path) -> None:
    found = json.loads(cli("evaluate", "run", "--split", "train", "--json", "--record", cwd=tree).stdout)
    facts = json.loads((tree / "run" / "run.json").read_text())
    assert rows(tree).keys() == {("train", "wer"), ("train", "cer")}
    for metric in ("wer", "cer"):
        row = rows(tree)["train", metric]
        assert list(row) == ROW
        assert (row["recipe"], row["head"], row["cell"]) == ("recipes/tiny/lstm.yaml", "ctc", "lstm")
        assert (row["seeds"], row["values"], row["mean"], row["sd"]) == ([1], [found[metric]], found[metric], 0)
        assert (row["steps"], row["train_seconds"]) == (facts["steps"], facts["train_seconds"])
        assert row["commands"] == [
            "crnn-audio train recipes/tiny/lstm.yaml --out runs/tiny-lstm-1 && crnn-audio evaluate runs/tiny-lstm-1 "
            "--split train --weights best"
        ]
        assert (row["device"], row["threads"]) == ("cpu", 1)

    of_one_seed = rows(tree)["train", "wer"]
    silenced(tree, seed=2)
    done = cli("evaluate", "run2", "--split", "train", "--record", cwd=tree)
    assert done.stderr == "Recorded in recipes/tiny/results.json.\n"
    row = rows(tree)["train", "wer"]
    values = [found["wer"], 1.0]
    assert row["settings"] == of_one_seed["settings"]
    assert (row["seeds"], row["values"]) == ([1, 2], values)
    assert row["mean"] == pytest.approx(statistics.fmean(values))
    assert row["sd"] == pytest.approx(statistics.stdev(values))

    cli("evaluate", "run2", "--split", "train", "--record", cwd=tree)
    assert rows(tree)["train", "wer"]["seeds"] == [1, 2], "a seed stands twice"

    cell = f"{100 * row['mean']:.2f} ± {100 * row['sd']:.2f}"
    table = (tree / "recipes" / "README.md").read_text(encoding="utf-8")
    assert table == tables.readme(json.loads((tree / "recipes" / "tiny" / "results.json").read_text()))
    about = "[tiny/lstm.yaml](tiny/lstm.yaml) | lstm | ctc | fbank, 40 bins | train | train"
    assert f"| {about} | **{cell}** | " in table
    first, rest = (tree / "recipes" / "tiny" / "lstm.yaml").read_text(encoding="utf-8").split("\n", 1)
    seconds = facts["train_seconds"]
    time = f"{seconds:.0f} seconds" if seconds < 60 else f"{seconds / 60:.0f} minutes"
    family = hardware.processor().partition(" (")[0]
    measured = f"Measured: train WER {cell} % (2 seeds), {time} on {family}, 1 thread."
    assert first == f"# Sixteen made utterances, learned by heart. {measured}"
    assert rest == (tree / "recipes" / "tiny" / "lstm.yaml").read_text(encoding="utf-8").partition("\n")[2]
    assert cli("recipes", cwd=tree).stdout == f"recipes/tiny/lstm.yaml  {first[2:]}\n"


def test_an_unfinished_run_is_not_recorded(cli, tree: Path) -> None:
    header = json.loads((tree / "run" / "run.json").read_text())
    (tree / "run" / "run.json").write_text(json.dumps({**header, "state": "training"}))
    done = cli("evaluate", "run", "--record", cwd=tree, exit_code=5)
    assert done.stderr == "run: only a finished run is recorded. Go on with `train` first.\n"
    assert done.stdout == "", "it is refused before anything is measured"
    assert not (tree / "recipes" / "tiny" / "results.json").exists()
