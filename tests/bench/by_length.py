"""Wrong targets by the length of their sources, a line for each model: what a fixed context cannot hold.

`python -m tests.bench.by_length runs/dut runs/dut_fixed --out docs/memory_attention.png`, on dev.
"""

import argparse
from collections import defaultdict
from pathlib import Path

from crnn_audio.problems import ScoreOptions
from crnn_audio.problems.restore import load, restore

FEWEST = 20
"""Sources of a length that a rate is given for."""


def rates(model: str, split: str) -> tuple[str, dict[int, float]]:
    """The model's decoder, and the fraction of wrong targets by the tokens of the source."""
    opened = load(model, "transduction", device="cpu")
    restored = restore(opened.run)
    items = restored.problem.data(restored.recipe).items[split]
    scores = restored.problem.scores(opened.task, restored.recipe, restored.assets, items, ScoreOptions())
    wrong = defaultdict(list)
    for pair in scores.items:
        wrong[len(opened.source.split(pair.source))].append(not pair.is_right)
    found = {length: sum(of) / len(of) for length, of in sorted(wrong.items()) if len(of) >= FEWEST}
    return f"{opened.task.model.head.NAME}: {100 * scores.value:.1f} %", found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for label, found in (rates(model, chosen.split) for model in chosen.models):
        axes.plot(list(found), [100 * rate for rate in found.values()], marker="o", label=label)
        print(label, {length: round(100 * rate, 1) for length, rate in found.items()})
    axes.set(xlabel="tokens of the source", ylabel="wrong, %", ylim=(0, None))
    axes.legend()
    figure.savefig(chosen.out, dpi=110)


if __name__ == "__main__":
    main()
