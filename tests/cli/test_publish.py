"""`publish`: a line for each split on standard output, all else beside it; what is refused is one message."""

import json
from pathlib import Path


def test_a_finished_run_is_copied_scored_and_described(cli, workshop: Path, tiny: Path, tmp_path: Path) -> None:
    done = cli("publish", workshop / "run", "--out", "models/small", "--weights", "last", cwd=tmp_path)
    out = tmp_path / "models" / "small"
    scores = json.loads((out / "run.json").read_text(encoding="utf-8"))["scores"]
    assert [one["split"] for one in scores] == ["dev", "test"]
    assert done.stdout.splitlines() == [
        f"models/small on {tiny} {one['split']}: WER {100 * one['wer']:.2f} %, CER {100 * one['cer']:.2f} %"
        for one in scores
    ]
    megabytes = sum(path.stat().st_size for path in out.iterdir()) / 1e6
    which = "with the weights at the end of training"
    assert done.stderr == f"models/small: {megabytes:.1f} MB, {which}. Its model card is models/small/README.md.\n"
    assert "\n---\n\n# small\n" in (out / "README.md").read_text(encoding="utf-8")

    again = cli("publish", workshop / "run", "--out", "models/small", cwd=tmp_path, exit_code=5)
    assert (again.stdout, again.stderr) == ("", "models/small: exists. Choose another --out, or remove it.\n")


def test_without_its_corpus_it_is_exit_code_4_and_no_copy(cli, tmp_path: Path) -> None:
    done = cli("publish", "run", "--out", tmp_path / "small", "--root", tmp_path / "nowhere", exit_code=4)
    assert done.stdout == ""
    assert f"{tmp_path / 'nowhere' / 'train.jsonl'}: no such manifest" in done.stderr
    assert not (tmp_path / "small").exists()
