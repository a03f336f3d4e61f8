"""A run that starts from a trained one: the same features and network, its tokens and new ones, its weights."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from crnn_audio import runs
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.errors import RunError
from crnn_audio.runs import Run
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.training.start import differences


def source(recipe: RecognitionRecipe) -> Run | None:
    """The trained run that a recipe starts from, if it names one.

    Raises:
        RunError: it cannot be opened, or its features, its network or its kind of tokens differ from the recipe's; each
            difference is named.
    """
    if recipe.init is None:
        return None
    run = runs.open_run(recipe.init)
    changes = list(differences(_shape(run.speech), _shape(recipe)))
    if changes:
        listed = "\n".join(f"  {change}" for change in changes)
        raise RunError(
            f"{recipe.init}: cannot be started from; it has the first value of each line, and the recipe asks for the "
            f"second:\n{listed}\nGive the recipe that it was trained with, or change these fields."
        )
    return run


def _shape(recipe: RecognitionRecipe) -> dict[str, object]:
    """The fields that its weights and statistics fit."""
    dropouts = {"conv_dropout": True, "recurrent": {"dropout"}}
    return {
        "task": {"vocabulary": recipe.task.vocabulary, "intermediate heads": recipe.task.intermediate > 0},
        "features": recipe.features.model_dump(),
        "model": recipe.model.model_dump(exclude=dropouts),  # type: ignore[arg-type]
    }


def grown(vocabulary: Vocabulary, texts: Iterable[str]) -> Vocabulary:
    """The same tokens with the same ids, and after them those that only the new texts have."""
    new = set().union(*(vocabulary.unknown(text) for text in texts))
    return Vocabulary(vocabulary.kind, (*vocabulary.tokens, *sorted(new)))


def told(name: str, old: Vocabulary, new: Vocabulary) -> list[str]:
    """What to say of the tokens that `name` lacks: which they are, and whether another case would do without them."""
    added = new.tokens[len(old.tokens) :]
    if not added:
        return []
    shown = ", ".join(map(repr, added[:8])) + (" and others" if len(added) > 8 else "")
    lines = [f"{name} lacks {len(added)} of the new texts' tokens, untrained as yet: {shown}."]
    for case, spelled in (("lower", str.lower), ("upper", str.upper)):
        if same := [token for token in added if spelled(token) in old.tokens]:
            lines.append(f"  {len(same)} of them it knows in {case} case: task.case={case} keeps what it has learned.")
    return lines


def load(run: Run, model: nn.Module) -> None:
    """Gives the model a run's weights; what belongs to new tokens stays as it was initialised.

    Raises:
        RunError: the weights do not fit.
    """
    trained = run.weights()
    own = model.state_dict()
    if trained.keys() != own.keys():
        raise RunError(f"{run.path}: damaged (its weights are not those of its recipe). Restore it from a copy.")
    with torch.no_grad():
        for name, weight in own.items():
            _corner(weight, trained[name]).copy_(trained[name])


def _corner(weight: Tensor, trained: Tensor) -> Tensor:
    """The part of a weight that the trained one covers: a view of its first rows and columns."""
    return weight[tuple(slice(size) for size in trained.shape)]
