"""Recipes of music as tokens: what they may say, and what each mistake is told as."""

from typing import get_args

import pytest

from crnn_audio import build
from crnn_audio.config import events, rolls, speech
from crnn_audio.config.load import dump, loads
from crnn_audio.config.schema import EventRecipe, kind_of
from crnn_audio.corpora import CORPORA
from crnn_audio.errors import RecipeError
from crnn_audio.models.recurrent import KINDS

START = "task: {kind: next_token}\ndata: {corpus: folk_tunes}\n"
ONE_WAY = "recurrent: {bidirectional: false}"


def problems(text: str) -> list[str]:
    with pytest.raises(RecipeError) as error:
        loads(text, source="x.yaml")
    return [line.strip() for line in str(error.value).splitlines()[1:]]


def test_the_shortest_recipe_and_back() -> None:
    recipe = loads(START)
    assert isinstance(recipe, EventRecipe)
    assert not recipe.model.recurrent.bidirectional
    assert recipe.data.name == "folk_tunes"
    assert loads(dump(recipe)) == recipe


def test_the_corpus_tells_what_a_recipe_is_about_where_the_task_does_not() -> None:
    assert kind_of({"data": {"corpus": "chorales"}}) is EventRecipe
    assert kind_of({"data": {"corpus": "chorales"}, "task": {"kind": "nonsense"}}) is EventRecipe


MISTAKES = {
    START + "model: {recurrent: {cell: gru}}": (
        "model: task next_token hears only the past, so model.recurrent.bidirectional must be false"
    ),
    START + "model: {recurrent: {bidirectional: false, look_ahead: 3}}": (
        "model: task next_token hears only the past: model.recurrent.look_ahead 0"
    ),
    START + "model: {listener: {}}": (
        "recipe: task.given_share above 0 and model.listener, which hears what is given, go together"
    ),
    START.replace("next_token", "next_token, given_share: 0.5"): (
        "recipe: task.given_share above 0 and model.listener, which hears what is given, go together"
    ),
    START.replace("next_token", "next_token, given_share: 0.5").replace("tunes", "tunes, chunk_rows: 64")
    + "model: {listener: {}}": "recipe: model.listener reads whole pieces, so data.chunk_rows must be 0",
    START + "init: an4": "recipe: init is for recognition",
    START.replace("folk_tunes", "midi_folder"): "data: corpus midi_folder is a folder of your own: say which by root",
    START.replace("folk_tunes", "folk_tunes, transpose: 12"): "data.transpose: input should be at most 11 (found 12)",
    START.replace("folk_tunes", "folk_tune"): (
        "data.corpus: input should be 'chorales', 'folk_tunes', 'nottingham', 'jsb16' or 'midi_folder' (found "
        "'folk_tune'); did you mean 'folk_tunes'?"
    ),
    START.replace("folk_tunes", "jsb16"): (
        "data: corpus jsb16 has pitches in their own keys: representation quartet, keys own"
    ),
    START.replace("folk_tunes", "jsb16, representation: quartet, keys: home"): (
        "data: corpus jsb16 has pitches in their own keys: representation quartet, keys own"
    ),
    START + "model: {conv: []}": "model.conv: no such field",
    START.replace("next_token", "next_token, untold_share: 2"): (
        "task.untold_share: input should be at most 1 (found 2)"
    ),
}


@pytest.mark.parametrize("text", MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_told(text: str) -> None:
    assert [one for one in problems(text) if one.startswith(MISTAKES[text])]


def test_names_in_the_schema_are_those_of_the_builders() -> None:
    def names(section: type, field: str) -> set[str]:
        return set(get_args(section.model_fields[field].annotation))

    assert names(events.EventData, "corpus") == {name for name, corpus in CORPORA.items() if corpus.KIND == "music"}
    assert names(events.EventData, "representation") == set(build.REPRESENTATIONS) == set(build.FITTED)
    assert names(events.Listener, "cell") == set(KINDS) - {"tcn"}
    corpora = [names(section, "corpus") for section in (events.EventData, rolls.RollData, speech.SpeechData)]
    assert len(set.union(*corpora)) == sum(map(len, corpora)), "a corpus tells the kind of recipe"
