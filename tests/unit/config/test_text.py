"""Recipes of text: what they may say, and what each mistake is reported as."""

import pytest

from crnn_audio.config import music, recognition, rolls, text
from crnn_audio.config.fields import allowed
from crnn_audio.config.load import dump
from crnn_audio.config.schema import recipe_class
from crnn_audio.config.text import TextRecipe
from crnn_audio.corpora import CORPORA
from crnn_audio.errors import RecipeError
from crnn_audio.problems import RECIPES
from tests.loading import loads

START = "task: {kind: text}\ndata: {corpus: alice}\n"
ONE_WAY = "recurrent: {bidirectional: false, hidden_size: 64}"


def problems(written: str) -> list[str]:
    with pytest.raises(RecipeError) as error:
        loads(written, source="x.yaml")
    return [line.strip() for line in str(error.value).splitlines()[1:]]


def test_the_shortest_recipe_and_back() -> None:
    recipe = loads(START)
    assert isinstance(recipe, TextRecipe)
    assert not recipe.model.recurrent.bidirectional
    assert recipe.data.name == "alice"
    assert loads(dump(recipe)) == recipe
    own = loads(START.replace("alice", "text_file, root: my/text.txt"))
    assert own.data.name == "my/text.txt"


def test_the_corpus_tells_what_a_recipe_is_about_where_the_task_does_not() -> None:
    assert recipe_class({"data": {"corpus": "tinyshakespeare"}}, RECIPES) is TextRecipe


@pytest.mark.parametrize(
    "model",
    [
        "{tied: true, embedding_size: 64, " + ONE_WAY + "}",
        "{tied: true, output_projection: true, " + ONE_WAY + "}",
        "{embedding_size: 0, embedding_dropout: 0.2, " + ONE_WAY + "}",
    ],
)
def test_what_fits(model: str) -> None:
    assert isinstance(loads(f"{START}model: {model}"), TextRecipe)


MISTAKES = {
    START.replace("text", "text, unit: words, vocabulary_size: 0"): (
        "task.vocabulary_size: input should be at least 1 (found 0)"
    ),
    START.replace("text", "text, unit: letters"): (
        "task.unit: input should be 'characters' or 'words' (found 'letters')"
    ),
    START.replace("text", "text, unit: words") + "model: {embedding_size: 0}": (
        "recipe: task.unit 'words' has too many tokens for one-hot vectors, so model.embedding_size must be above 0"
    ),
    START + "model: {recurrent: {cell: gru}}": (
        "model: the next step is predicted from the past, so model.recurrent.bidirectional must be false"
    ),
    START + "model: {recurrent: {bidirectional: false, look_ahead: 3}}": (
        "model: the next step is predicted from the past, so model.recurrent.look_ahead must be 0"
    ),
    START + "model: {tied: true, " + ONE_WAY + "}": (
        "model: tied needs embedding_size (128) and recurrent.hidden_size (64) to be the same, or output_projection: "
        "true"
    ),
    START + "model: {tied: true, embedding_size: 0, " + ONE_WAY + "}": (
        "model: tied shares the embeddings, so embedding_size must be above 0"
    ),
    START + "model: {output_projection: true, " + ONE_WAY + "}": ("model: output_projection is for tied: true"),
    START + "init: an4": "recipe: init is for task recognition only",
    START.replace("alice", "text_file"): "data: corpus 'text_file' needs root, your file",
    START.replace("alice", "alice, context_length: -1"): "data.context_length: input should be at least 0 (found -1)",
    START.replace("alice", "alice, bptt: 0"): "data.bptt: input should be at least 1 (found 0)",
    START + "model: {conv: []}": "model.conv: no such field",
}


@pytest.mark.parametrize("written", MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_reported(written: str) -> None:
    assert [one for one in problems(written) if one.startswith(MISTAKES[written])]


def test_names_in_the_schema_are_those_of_the_builders() -> None:
    def names(section: type, field: str) -> set[str]:
        return set(allowed(section.model_fields[field]))

    assert names(text.TextData, "corpus") == {name for name, corpus in CORPORA.items() if corpus.KIND == "text"}
    sections = (text.TextData, music.MusicData, rolls.RollsData, recognition.RecognitionData)
    corpora = [names(section, "corpus") for section in sections]
    assert len(set.union(*corpora)) == sum(map(len, corpora)), "a corpus tells the kind of recipe"
