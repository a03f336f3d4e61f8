"""A new problem is one module and a line in the registry: no file of the package knows of it."""

import json
from pathlib import Path

import pytest
import yaml

from crnn_audio.config import load as config
from crnn_audio.config.schema import Recipe
from crnn_audio.evaluation.evaluate import evaluate
from crnn_audio.evaluation.publish import publish
from crnn_audio.evaluation.show import show
from crnn_audio.problems import RECIPES
from crnn_audio.problems.registry import PROBLEMS
from crnn_audio.problems.restore import load
from crnn_audio.training.run import train
from tests import trainings
from tests.unit.problems import counting


@pytest.fixture
def recipe(tmp_path, monkeypatch) -> Recipe:
    monkeypatch.setitem(PROBLEMS, "counting", counting)
    fields = {
        "task": {"kind": "counting"},
        "data": {"corpus": "manifests", "root": str(trainings.corpus(tmp_path / "corpus", 4, 2, 2)), "workers": 0},
        "model": trainings.SMALL["model"],
        "optim": {"max_epochs": 2, "lr": 1e-3},
        "device": "cpu",
        "threads": 1,
    }
    return config.loads(yaml.safe_dump(fields), (), {**RECIPES, "counting": counting.Recipe})


def test_a_problem_is_trained_saved_loaded_evaluated_shown_and_published(recipe, tmp_path) -> None:
    run = tmp_path / "run"
    trained = train(recipe, run, report=lambda line: None)
    assert (trained.finished, trained.steps, trained.metric) == (True, 2, "mse")
    assert (json.loads((run / "run.json").read_text())["state"], (run / "last.safetensors").exists()) == (
        "finished",
        True,
    )

    opened = load(run)
    assert isinstance(opened, counting.Counter)
    scores = evaluate(opened, "test")
    assert (scores.metric, scores.split, len(scores.items)) == ("mse", "test", 2)
    assert scores.value == pytest.approx(sum(item.rank[0] for item in scores.items) / 2)
    assert scores.lines("counter", 1)[0].startswith("counter on ")
    assert evaluate(run, "dev").value == pytest.approx(trained.score)

    assert show(recipe).num_parameters == opened.task.model.num_parameters
    published = publish(run, tmp_path / "counter")
    assert [one.split for one in published.scores] == ["dev", "test"]
    assert "Counts words" in (tmp_path / "counter" / "README.md").read_text()
    assert evaluate(tmp_path / "counter", "test").value == pytest.approx(scores.value, rel=1e-2)


def test_its_recipes_are_checked_as_all_are(recipe) -> None:
    with pytest.raises(config.RecipeError, match="no such field"):
        config.loads(
            config.dump(recipe) + "\ncolour: red\n", (), {**RECIPES, "counting": counting.Recipe}, source="toy"
        )


def test_every_problem_has_its_recipe_class_in_the_light_registry() -> None:
    assert {kind: problem.Recipe for kind, problem in PROBLEMS.items()} == RECIPES


def test_the_package_does_not_mention_it() -> None:
    package = Path(config.__file__).parents[1]
    assert not [path for path in package.rglob("*.py") if "counting" in path.name and "problems" in str(path)]
