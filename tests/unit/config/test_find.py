"""Recipes on the disk: names, near names, folders, unreadable files, the measured line."""

from pathlib import Path

import pytest

from crnn_audio.config import load as module
from crnn_audio.config.load import all_recipes, find, measured_line, named
from crnn_audio.errors import RecipeError
from crnn_audio.problems import load_recipe

TEXT = "# AN4. Measured: WER 6.9 %\n# second\ndata: {corpus: an4}\n"


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Two shipped recipes, seen from an empty working directory beside them."""
    shipped = tmp_path / "shipped"
    for name in ("an4/bilstm.yaml", "digits/small.yaml"):
        path = shipped / name
        path.parent.mkdir(parents=True)
        path.write_text(TEXT)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(module, "_SHIPPED", (tmp_path / "absent", shipped))
    return shipped


def message(name: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(name)
    return str(caught.value)


@pytest.mark.parametrize("name", ["an4/bilstm", "an4/bilstm.yaml", "recipes/an4/bilstm.yaml", "recipes/an4/bilstm"])
def test_a_shipped_recipe_has_several_names(shelf, name):
    assert find(name) == shelf / "an4/bilstm.yaml"
    assert load_recipe(name).data.corpus == "an4"


def test_a_shipped_recipe_below_the_working_directory_is_named_from_there(shelf, monkeypatch):
    monkeypatch.chdir(shelf.parent)
    for name in ("an4/bilstm", "recipes/an4/bilstm.yaml"):
        assert find(name) == Path("shipped/an4/bilstm.yaml")
    assert load_recipe("an4/bilstm").data.corpus == "an4"


def test_a_shipped_recipe_is_known_by_its_place_and_another_as_seen_from_here(shelf):
    assert named(shelf / "an4/bilstm.yaml") == "recipes/an4/bilstm.yaml"
    assert named(Path.cwd() / "own.yaml") == named("own.yaml") == "own.yaml"
    assert named("/elsewhere/own.yaml") == "/elsewhere/own.yaml"


def test_a_file_that_exists_comes_before_a_shipped_recipe(shelf):
    own = Path("an4/bilstm")
    own.parent.mkdir()
    own.write_text("data: {corpus: spoken_digits}")
    assert find("an4/bilstm") == own
    assert load_recipe("an4/bilstm").data.corpus == "spoken_digits"


def test_all_recipes_are_the_working_directorys_or_else_the_shipped_ones(shelf):
    assert all_recipes() == [shelf / "an4/bilstm.yaml", shelf / "digits/small.yaml"]
    own = Path("recipes/x/mine.yaml")
    own.parent.mkdir(parents=True)
    own.write_text(TEXT)
    assert all_recipes() == [own]


def test_a_missing_recipe_is_reported_with_the_nearest(shelf):
    assert message("an4/bilstn") == f"an4/bilstn: no such recipe; did you mean '{shelf / 'an4/bilstm.yaml'}'?"
    Path("mine.yaml").write_text(TEXT)
    assert message("mien.yaml") == "mien.yaml: no such recipe; did you mean 'mine.yaml'?"
    assert message("qqqqqq").startswith(f"qqqqqq: no such recipe. There are: {shelf / 'an4/bilstm.yaml'}, ")
    assert "cannot be read" in message("x" * 5000)


def test_a_folder_is_reported_with_what_it_holds(shelf):
    assert message("an4") == "an4: a folder, not a recipe; it holds bilstm.yaml."
    assert message(str(shelf)) == f"{shelf}: a folder, not a recipe; it holds an4/bilstm.yaml, digits/small.yaml."
    assert message("") == ".: a folder, not a recipe."


def test_a_file_that_is_not_utf8_is_reported(shelf):
    Path("latin.yaml").write_bytes("# é\ndata: {corpus: an4}".encode("latin-1"))
    assert message("latin.yaml") == "latin.yaml, line 1: not UTF-8 (byte 2 is 0xe9). Save it as UTF-8."


def test_windows_files_load(shelf):
    Path("windows.yaml").write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert load_recipe("windows.yaml").data.corpus == "an4"
    assert measured_line(Path("windows.yaml")) == "AN4. Measured: WER 6.9 %"


def test_the_measured_line_is_the_first_comment(shelf):
    assert measured_line(shelf / "an4/bilstm.yaml") == "AN4. Measured: WER 6.9 %"
    Path("editor.yaml").write_text("# yaml-language-server: $schema=recipe.json\n" + TEXT)
    assert measured_line(Path("editor.yaml")) == "AN4. Measured: WER 6.9 %"
    Path("bare.yaml").write_text("data: {corpus: an4}")
    assert measured_line(Path("bare.yaml")) == ""


def test_a_link_to_nowhere_is_named_and_not_its_own_suggestion(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bilstm.yaml").symlink_to("gone.yaml")
    with pytest.raises(RecipeError, match=r"^bilstm\.yaml: a link to gone\.yaml, which does not exist\.$"):
        find("bilstm.yaml")
