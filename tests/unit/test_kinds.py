"""Only `problems` asks a recipe, a run or a result for its kind; everything above and below it is generic."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "crnn_audio"
CLASSES = {
    "RecognitionRecipe", "RollsRecipe", "MusicRecipe", "TextRecipe", "Recognizer", "Predictor", "Composer",
    "LanguageModel", "Recognition", "Prediction",
    "ClassificationRecipe", "Classifier", "Classification",
    "LabellingRecipe", "Labeller", "Labelling",
}  # fmt: skip
KINDS = {"recognition", "rolls", "music", "text", "transduction", "classification", "memory", "labelling"}


def names(node: ast.AST) -> set[str]:
    """Names and attributes in an expression."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} | {
        one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)
    }


def asks(tree: ast.AST) -> list[int]:
    """Lines in which a kind is asked for: isinstance of a kind's class, a comparison with a kind, a ladder of kinds."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and "isinstance" in names(node.func) and len(node.args) == 2:
            if names(node.args[1]) & CLASSES:
                found.append(node.lineno)
        elif isinstance(node, ast.Compare):
            text = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and type(one.value) is str]
            constants = set(text)
            if constants & KINDS and names(node) & {"task", "run", "recipe"}:
                found.append(node.lineno)
        elif isinstance(node, ast.Dict):
            keys = {one.value for one in node.keys if isinstance(one, ast.Constant) and type(one.value) is str}
            if len(keys & KINDS) > 1:
                found.append(node.lineno)
        elif isinstance(node, ast.MatchClass) and names(node.cls) & CLASSES:
            found.append(node.lineno)
    return found


def test_nobody_else_asks() -> None:
    places = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] != "problems"
        for line in asks(ast.parse(path.read_text(encoding="utf-8")))
    ]
    allowed = {"config/next_steps.py"}  # its own recipe, to type checkers
    assert [place for place in places if place.partition(":")[0] not in allowed] == []


def test_asking_is_found() -> None:
    for text in (
        "isinstance(recipe, RollsRecipe)", "isinstance(x, (Composer, int))", "recipe.task.kind == 'music'",
        "{'music': a, 'text': b}[run.kind]", "run.kind in ('text', 'music')",
    ):  # fmt: skip
        assert asks(ast.parse(text)), text
    assert not asks(ast.parse("isinstance(x, str) and form == 'text'"))


def test_the_makefile_greps_no_kind() -> None:
    makefile = (PACKAGE.parent / "Makefile").read_text(encoding="utf-8")
    assert "kind:" not in makefile
