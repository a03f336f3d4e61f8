"""Recipes of music as tokens: what they may say, and what each mistake is reported as."""

import pytest

from crnn_audio.config import music, recognition, rolls
from crnn_audio.config.fields import allowed
from crnn_audio.config.load import dump
from crnn_audio.config.music import MusicRecipe
from crnn_audio.config.schema import recipe_class
from crnn_audio.corpora import CORPORA
from crnn_audio.errors import RecipeError
from crnn_audio.inference.music import encoding
from crnn_audio.models.recurrent import KINDS
from crnn_audio.problems import RECIPES
from tests.loading import loads

START = "task: {kind: music}\ndata: {corpus: folk_tunes}\n"
ONE_WAY = "recurrent: {bidirectional: false}"


def problems(text: str) -> list[str]:
    with pytest.raises(RecipeError) as error:
        loads(text, source="x.yaml")
    return [line.strip() for line in str(error.value).splitlines()[1:]]


def test_the_shortest_recipe_and_back() -> None:
    recipe = loads(START)
    assert isinstance(recipe, MusicRecipe)
    assert not recipe.model.recurrent.bidirectional
    assert recipe.data.name == "folk_tunes"
    assert loads(dump(recipe)) == recipe


def test_the_corpus_tells_what_a_recipe_is_about_where_the_task_does_not() -> None:
    assert recipe_class({"data": {"corpus": "chorales"}}, RECIPES) is MusicRecipe
    assert recipe_class({"data": {"corpus": "chorales"}, "task": {"kind": "nonsense"}}, RECIPES) is MusicRecipe


MISTAKES = {
    START + "model: {recurrent: {cell: gru}}": (
        "model: the next step is predicted from the past, so model.recurrent.bidirectional must be false"
    ),
    START + "model: {recurrent: {bidirectional: false, look_ahead: 3}}": (
        "model: the next step is predicted from the past, so model.recurrent.look_ahead must be 0"
    ),
    START + "model: {encoder: {}}": (
        "recipe: task.fixed_voice_probability above 0 and model.encoder, which reads fixed voices, go together"
    ),
    START.replace("music", "music, fixed_voice_probability: 0.5"): (
        "recipe: task.fixed_voice_probability above 0 and model.encoder, which reads fixed voices, go together"
    ),
    START.replace("music", "music, fixed_voice_probability: 0.5").replace("tunes", "tunes, bptt: 64")
    + "model: {encoder: {}}": "recipe: model.encoder reads whole pieces, so data.bptt must be 0",
    START + "init: an4": "recipe: init is for task recognition only",
    START.replace("folk_tunes", "midi_folder"): "data: corpus 'midi_folder' needs root, the folder of your files",
    START.replace("folk_tunes", "folk_tunes, transpose: 12"): "data.transpose: input should be at most 11 (found 12)",
    START.replace("folk_tunes", "folk_tune"): (
        "data.corpus: input should be 'chorales', 'folk_tunes', 'nottingham', 'jsb16' or 'midi_folder' (found "
        "'folk_tune'); did you mean 'folk_tunes'?"
    ),
    START.replace("folk_tunes", "jsb16"): (
        "data: corpus 'jsb16' has pitches without keys, so representation must be 'quartet' and normalize_keys false"
    ),
    START.replace("folk_tunes", "jsb16, representation: quartet, normalize_keys: true"): (
        "data: corpus 'jsb16' has pitches without keys, so representation must be 'quartet' and normalize_keys false"
    ),
    START + "model: {conv: []}": "model.conv: no such field",
    START.replace("music", "music, condition_dropout: 2"): (
        "task.condition_dropout: input should be at most 1 (found 2)"
    ),
}


@pytest.mark.parametrize("text", MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_reported(text: str) -> None:
    assert [one for one in problems(text) if one.startswith(MISTAKES[text])]


def test_names_in_the_schema_are_those_of_the_builders() -> None:
    def names(section: type, field: str) -> set[str]:
        return set(allowed(section.model_fields[field]))

    assert names(music.MusicData, "corpus") == {name for name, corpus in CORPORA.items() if corpus.KIND == "music"}
    assert names(music.MusicData, "representation") == set(encoding.REPRESENTATIONS) == set(encoding.FITTED)
    assert names(music.Encoder, "cell") == set(KINDS) - {"tcn"}
    corpora = [names(section, "corpus") for section in (music.MusicData, rolls.RollsData, recognition.RecognitionData)]
    assert len(set.union(*corpora)) == sum(map(len, corpora)), "a corpus tells the kind of recipe"
