"""Model cards: what a model is, its data, its scores, its limitations, and the commands that use it."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from crnn_audio.corpora import CORPORA
from crnn_audio.evaluation.evaluate import Model
from crnn_audio.metrics.scores import Scores
from crnn_audio.problems.cards import about_corpus
from crnn_audio.problems.registry import TAGS
from crnn_audio.problems.restore import Restored


def write(model: Model, restored: Restored, scores: Sequence[Scores], name: str) -> str:
    """The card of a model of that name in Markdown."""
    run, problem, recipe = restored.run, restored.problem, restored.recipe
    card = problem.card(run, recipe, restored.assets, model.task, scores)
    usage = "\n".join(shlex.join(["crnn-audio", *words]) for words in problem.usage(recipe, name, "recording.wav"))
    limitations = CORPORA[recipe.data.corpus].NOT_FOR
    sections = {
        "Data": f"{about_corpus(recipe)}\n\n{_trained(restored)}",
        "Scores": card.scores,
        **card.sections,
        "Limitations": f"{limitations[:1].upper()}{limitations[1:].rstrip('.')}.",
        "Usage": f"```\n{usage}\n```",
    }
    what = f"{card.what}; {model.task.model.num_parameters:,} parameters, kept in half precision."
    text = [f"# {name}", what, *(f"## {title}\n\n{text}" for title, text in sections.items())]
    return f"---\n{metadata(run.kind, scores, name)}---\n\n" + "\n\n".join(text) + "\n"


def metadata(kind: str, scores: Sequence[Scores], name: str) -> str:
    """What hubs of models read at the top of a card, as YAML: the task, and each score with its corpus and split."""
    task = {"type": TAGS.get(kind, kind)}
    results = [
        {
            "task": task,
            "dataset": {"type": one.corpus, "name": one.corpus, "split": one.split},
            "metrics": [{"type": metric, "value": value} for metric, value in one.metrics.items()],
        }
        for one in scores
    ]
    content = {
        "library_name": "crnn_audio",
        "license": "other",
        "license_name": "that-of-the-corpus",
        "license_link": "README.md",
        **({"pipeline_tag": TAGS[kind]} if kind in TAGS else {}),
        "tags": ["crnn_audio", kind],
        "model-index": [{"name": name, "results": results}],
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _trained(restored: Restored) -> str:
    """How the weights came about."""
    facts, recipe = restored.run.facts, restored.recipe
    with_dev = restored.run.recipe["data"].get("dev_as_train")
    on = "train and dev, as long as was chosen before on dev" if with_dev else "train"
    start = f", starting from {recipe.init}" if recipe.init else ""
    threads = f", {facts.get('threads')} thread(s)" if facts.get("device") == "cpu" else ""
    return (
        f"Trained on {on}{start}: {facts.get('epochs')} epochs, {facts.get('steps')} steps, seed {recipe.seed}, on "
        f"{facts.get('device')}{threads}, by `{facts.get('command')}` at commit {facts.get('commit')}. {_chosen(facts)}"
    )


def _chosen(facts: Mapping[str, Any]) -> str:
    if facts.get("weights") == "last" or facts.get("best_dev") is None:
        return "The weights are those at the end of training."
    return f"The weights are those that were best on dev, after epoch {facts.get('best_epoch')}."
