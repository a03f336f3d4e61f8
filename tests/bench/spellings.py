"""What `tests.bench.compare` must know of each tree: how verbs, options, fields, attributes and figures are spelled.

`BASELINE` is that of the commit compared with, and stays. Where the working tree renames something, say so in
`WORKING`, and nowhere else.
"""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Spelling:
    """The names of one tree."""

    # the command line: verbs and options
    train: str = "train"
    show: str = "show"
    generate: str = "generate"
    evaluate: str = "evaluate"
    prepare: str = "prepare"
    out: str = "--out"
    num: str = "--num"
    seed: str = "--seed"
    bars: str = "--bars"
    primer: str = "--primer"
    keep: str = "--keep"
    condition: str = "--condition"
    temperature: str = "--temperature"
    top_p: str = "--top-p"
    split: str = "--split"
    device: str = "--device"
    json: str = "--json"

    # recipes: overrides, and recipes that lie elsewhere than in the commit compared with ("jsb/lstm": "new/name")
    one_thread: str = "threads=1"
    on_cpu: str = "device=cpu"
    corpus: str = "data.corpus"
    root: str = "data.root"
    epochs: str = "optim.max_epochs"
    evaluation_epochs: str = "train.eval_epochs"
    recipes: dict[str, str] = field(default_factory=dict)

    # log.jsonl of a run: which lines are of a step or of an evaluation, and their figures (ours: its)
    event: str = "event"
    step: str = "step"
    dev: str = "dev"
    step_figures: dict[str, str] = field(
        default_factory=lambda: {"loss": "loss", "gradient_norm": "gradient_norm", "lr": "lr", "amount": "amount"}
    )
    dev_figures: dict[str, str] = field(default_factory=lambda: {"score": "score", "loss": "loss"})

    # the JSON of a generated piece (ours: its)
    piece_figures: dict[str, str] = field(
        default_factory=lambda: {"notes": "notes", "tokens": "tokens", "nats": "nats", "nats_per_note": "nats_per_note"}
    )

    # Python: a recogniser, what it gives, and a stream
    load: str = "load"
    transcribe: str = "transcribe"
    stream: str = "stream"
    feed: str = "feed"
    flush: str = "flush"
    finals: str = "finals"
    text: str = "text"
    confidence: str = "confidence"
    words: str = "words"
    word: str = "text"
    start: str = "start"
    end: str = "end"

    # the comment lines of `show`, by how they begin (ours: its); those not named here are not compared
    shown: dict[str, str] = field(
        default_factory=lambda: {
            "parameters": "parameters",
            "tokens": "tokens",
            "frames in": "frames in",
            "subsampling factor": "subsampling factor",
            "receptive field": "receptive field",
            "look-ahead": "look-ahead",
            "memory of a step": "memory of a step",
            "past": "hears",
        }
    )


BASELINE = Spelling()

WORKING = replace(BASELINE, shown={**BASELINE.shown, "past": "context"})
"""Of options too: `replace(BASELINE, keep="--hold")`."""
