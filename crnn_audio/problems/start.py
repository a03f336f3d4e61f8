"""Start speech recognition from a trained run: what has to be alike, and the tokens that the new texts add."""

from collections.abc import Iterable

from crnn_audio.config.differences import differences
from crnn_audio.config.recognition import RecognitionRecipe as Recipe
from crnn_audio.errors import RunError
from crnn_audio.problems import Initial
from crnn_audio.text.vocabulary import Vocabulary


def refuse_other_shape(recipe: Recipe, init: Initial) -> None:
    """Refuses a recipe whose features, network or kind of tokens are not those of the trained run.

    Raises:
        RunError: they differ; with both values of each field.
    """
    changes = list(differences(_shape(init.recipe), _shape(recipe)))
    if changes:
        listed = "\n".join(f"  {change}" for change in changes)
        raise RunError(
            f"{recipe.init}: cannot be started from; it has the first value of each line, and the recipe asks for the "
            f"second:\n{listed}\nGive the recipe that it was trained with, or change these fields."
        )


def _shape(recipe: Recipe) -> dict[str, object]:
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
    scores = (*vocabulary.scores, *(min(vocabulary.scores) for _ in new)) if vocabulary.scores else ()
    return Vocabulary(vocabulary.kind, (*vocabulary.tokens, *sorted(new)), scores)


def added_tokens(name: str, old: Vocabulary, new: Vocabulary) -> list[str]:
    """What to report of the tokens that `name` lacks, and whether another case would do without them."""
    added = new.tokens[len(old.tokens) :]
    if not added:
        return []
    shown = ", ".join(map(repr, added[:8])) + (" and others" if len(added) > 8 else "")
    lines = [f"{name} lacks {len(added)} of the new texts' tokens, untrained as yet: {shown}."]
    for case, in_case in (("lower", str.lower), ("upper", str.upper)):
        if same := [token for token in added if in_case(token) in old.tokens]:
            lines.append(f"  {len(same)} of them it knows in {case} case: task.case={case} keeps what it has learned.")
    return lines
