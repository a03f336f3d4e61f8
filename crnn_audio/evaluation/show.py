"""What a recipe comes to, without training it: sizes, times and the memory of a step."""

from crnn_audio.config.schema import Recipe
from crnn_audio.errors import enough_memory
from crnn_audio.problems import Summary
from crnn_audio.problems.registry import PROBLEMS


def show(recipe: Recipe) -> Summary:
    """Builds a recipe's model and measures it; the vocabulary is that of its corpus, where that is already here.

    Raises:
        RecipeError, DataError: it cannot be built.
    """
    with enough_memory("take a smaller model, shorter windows or a lower sample rate"):
        return PROBLEMS[recipe.task.kind].summary(recipe)
