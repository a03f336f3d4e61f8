"""What the README and the guides show is run, as a reader does: their Python, their commands, their recipes."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import classifications, labellings, transductions, warm
from tests.loading import loads

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = ("c", "js", "kotlin", "swift")
"""Languages of programs that need sherpa-onnx, which is not installed here; their folders are checked."""
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
DEVICES = ("arecord",)
"""Programs that need a microphone."""
SERVED = ("curl", "crnn-audio serve")
"""Commands that `test_serve.py` runs."""


def blocks(language: str) -> list[str]:
    found = [FENCED.findall(path.read_text(encoding="utf-8")) for path in DOCUMENTS]
    return [body for document in found for kind, body in document if kind == language]


def commands(program: str) -> list[str]:
    """The lines of all documents that begin so, each once."""
    lines = [line.split("#")[0].strip() for body in blocks("sh") for line in body.splitlines()]
    return list(dict.fromkeys(line for line in lines if line.startswith(program)))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the reader's is after `make train`, with a model that is quicker to train."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "data" / "tiny", folder / "data" / "tiny")
    shutil.copy(ROOT / "data" / "README.md", folder / "data" / "README.md")
    trained = run(folder, "train", "tiny/lstm", "--out", "runs/spoken_digits-bilstm")
    assert trained.returncode == 0, trained.stderr
    pairs = transductions.folder(folder / "pairs")
    shutil.copy(pairs / "train.tsv", folder / "table.tsv")
    (folder / "words.txt").write_text("fiets\nhuis\n")
    keywords(folder)
    digits = "zero one two three four five six seven eight nine".split()
    (folder / "digits-said.txt").write_text("six four three")
    (folder / "digits.txt").write_text("\n".join(digits))
    (folder / "sentences.txt").write_text("\n".join(f"{one} {other}" for one in digits for other in digits))
    lamps = "intents: {Choose: {data: [{sentences: ['{digit:lamp} [{digit:level}]']}]}}\n"
    (folder / "lamps.yaml").write_text(f"{lamps}lists: {{digit: {{values: [{', '.join(digits)}]}}}}\n")
    (folder / "pins.jsgf").write_text(f"#JSGF V1.0;\ngrammar pins;\npublic <pin> = ({' | '.join(digits)})+;\n")
    (folder / "pairs.yaml").write_text(json.dumps(transductions.SMALL | {"data": {"corpus": "pairs", "root": "pairs"}}))
    trained = run(folder, "train", "pairs.yaml", "optim.max_epochs=1", "--out", "runs/dut")
    assert trained.returncode == 0, trained.stderr
    recipe = labellings.folder(folder / "bursts", (6, 2, 1)) / "recipe.yaml"
    recipe.write_text(labellings.RECIPE.replace("ROOT", "bursts"), encoding="utf-8")
    trained = run(folder, "train", "bursts/recipe.yaml", "optim.max_epochs=4", "--out", "runs/vad")
    assert trained.returncode == 0, trained.stderr
    (folder / "labelled").mkdir()
    for number in range(6):
        shutil.copy(folder / "bursts" / f"train{number}.wav", folder / "labelled")
        (folder / "labelled" / f"train{number}.txt").write_text("0.1\t0.5\ttone\n", encoding="utf-8")
    return folder


def keywords(folder: Path) -> None:
    """Recordings of a word and of others, and a model that is quicker to train."""
    for name, label in (("computer", "high"), ("background", "noise")):
        (folder / "keyword" / name).mkdir(parents=True)
        for number in range(6):
            classifications.recorded(folder / "keyword" / name, f"anna-{number}", label, 0.5, number)
    (folder / "background").mkdir()
    classifications.recorded(folder / "background", "kitchen", "noise", 3.0, 9)
    prepared = run(folder, "prepare", "classes", "keyword", "--out", "data/own/keyword")
    assert prepared.returncode == 0, prepared.stderr
    small = classifications.SMALL | {"task": {"kind": "classification", "background": ["background"]}}
    small |= {"data": {"corpus": "manifests", "root": "data/own/keyword", "workers": 0}}
    (folder / "keyword.yaml").write_text(json.dumps(small))
    trained = run(folder, "train", "keyword.yaml", "optim.max_epochs=1", "--out", "runs/keyword")
    assert trained.returncode == 0, trained.stderr


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*warm.python(), "-m", "crnn_audio", *words], cwd=folder, capture_output=True, text=True, timeout=200
    )


def test_every_block_is_run() -> None:
    kinds = {kind for path in DOCUMENTS for kind, _ in FENCED.findall(path.read_text(encoding="utf-8"))}
    assert kinds == {"", "sh", "python", "yaml", *FOREIGN}, "a block without a language is output"
    lines = [line for line in commands("") if line]
    programs = ("crnn-audio", "make", "torchrun", *DEVICES, *SERVED)
    assert [line for line in lines if not line.startswith(programs)] == []
    assert all(commands(program) for program in programs)


def test_programs_in_other_languages_open_folders_that_are_written() -> None:
    written = set(re.findall(r"--out (\S+) --to sherpa", "\n".join(commands("crnn-audio"))))
    for body in (body for kind in ("c", "js") for body in blocks(kind)):
        named = set(re.findall(r"[\"'](exported/[^\"']+)[\"']", body))
        assert {Path(one).name for one in named} == {"model.onnx", "tokens.txt"}
        assert {str(Path(one).parent) for one in named} < written


@pytest.mark.parametrize("body", blocks("python"))
def test_python_runs_as_printed(home: Path, body: str) -> None:
    done = subprocess.run([*warm.python(), "-c", body], cwd=home, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("line", [line for line in commands("crnn-audio") if not line.startswith(SERVED)])
def test_commands_run_as_printed(home: Path, line: str) -> None:
    if "spoken_digits/bilstm" in line:
        line = line.replace("spoken_digits/bilstm", str(ROOT / "recipes/spoken_digits/bilstm.yaml"))
    done = subprocess.run(
        ["bash", "-c", line.replace("crnn-audio", f"{shlex.join(warm.python())} -m crnn_audio", 1)],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout or ">" in line or "--out" in line


@pytest.mark.parametrize("line", commands("torchrun"))
def test_several_processes_train_as_printed(home: Path, line: str) -> None:
    torchrun = f"{shlex.quote(sys.executable)} -m torch.distributed.run"
    done = subprocess.run(
        ["bash", "-c", line.replace("torchrun", torchrun, 1)], cwd=home, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert "2 processes train together." in done.stderr
    assert done.stdout.count(": finished (") == len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("line", commands("make"))
def test_make_targets_exist(line: str) -> None:
    done = subprocess.run(["bash", "-c", f"{line} --dry-run"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("body", blocks("yaml"))
def test_recipes_are_valid(body: str) -> None:
    assert loads(body).data.corpus == "spoken_digits"


def test_a_link_to_nowhere_is_found() -> None:
    assert leads_somewhere(ROOT / "README.md", "docs/live.md")
    assert not leads_somewhere(ROOT / "README.md", "docs/dead.md")
    assert not leads_somewhere(ROOT / "README.md", "recipes/README.md#nothing-of-that-name")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text(encoding="utf-8"))
    assert [target for target in targets if not leads_somewhere(path, target)] == []


def leads_somewhere(source: Path, target: str) -> bool:
    """Whether the file is there, and in it the heading that is named after a "#"."""
    path, _, heading = target.partition("#")
    file = source.parent / path if path else source
    if not heading or not file.exists():
        return file.exists()
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return heading in {re.sub(r"[^\w -]", "", one).strip().lower().replace(" ", "-") for one in headings}
