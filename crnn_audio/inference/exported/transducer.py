"""An exported model that turns texts into others, greedily, by onnxruntime and NumPy."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from crnn_audio.inference import translating
from crnn_audio.inference.exported import folder
from crnn_audio.inference.exported.folder import Exported
from crnn_audio.inference.translating import Alternative, Translated
from crnn_audio.text.vocabulary import Vocabulary

WRITER = "writer.onnx"
END, UNKNOWN_ID = 0, 1


@dataclass
class _Written:
    """What is written of one text so far: its tokens, their log-probability, the weights of the source for each."""

    tokens: list[int]
    weights: list[Float[np.ndarray, " T"]]
    log_prob: float = 0.0


class ExportedTransducer:
    """Turns texts into others, the likeliest token at a time; `crnn_audio.load` of an exported folder makes one."""

    def __init__(self, exported: Exported) -> None:
        exported.require("transduction")
        self.exported = exported
        self.source = Vocabulary.load(exported.path / "source.json")
        self.target = Vocabulary.load(exported.path / "target.json")
        self.longest: float = exported.fact("longest", (int, float))
        self.shortest_limit: int = exported.fact("shortest_limit", int)
        self.shapes = [tuple(map(int, shape)) for shape in exported.fact("states", list)]
        self.reader, self.writer = folder.session(exported), folder.session(exported, WRITER)
        self._takes = [one.name for one in self.writer.get_inputs()]
        self._gives = [one.name for one in self.writer.get_outputs()]

    @property
    def has_attention(self) -> bool:
        """Whether it looks at its source while it writes."""
        return "weights" in self._gives

    def translate(self, source: str) -> Translated:
        """What a text becomes.

        Raises:
            DataError: it is empty, or longer than 4,096 tokens.
        """
        return next(self.translate_many([source]))

    def translate_many(self, sources: Iterable[str]) -> Iterator[Translated]:
        """What each text becomes, in order, read a few at a time: of any number of them in bounded memory.

        Raises:
            DataError: one is empty, or longer than 4,096 tokens; those before it have been given.
        """
        return translating.in_batches(sources, self.source, self._results)

    def _results(self, texts: Sequence[str]) -> list[Translated]:
        results = []
        for text, found in zip(texts, self._written(texts), strict=True):
            seen = np.stack(found.weights)[:, : len(self.source.split(text))] if self.has_attention else None
            nbest = (Alternative(self.target.decode(found.tokens), found.log_prob, found.log_prob),)
            results.append(translating.result(text, found.tokens, nbest, seen, (self.source, self.target)))
        return results

    def _written(self, texts: Sequence[str]) -> list[_Written]:
        """The likeliest token after the likeliest, until each text's end; at its longest the end is forced."""
        ids = [np.array(self.source.encode(text)) for text in texts]
        lengths = np.array(list(map(len, ids)), np.int64)
        limits = (self.longest * lengths).astype(int) + self.shortest_limit
        state = self._read(ids, lengths)
        found, active = [_Written([], []) for _ in texts], np.arange(len(texts))
        while len(active):
            outputs = dict(
                zip(self._gives, self.writer.run(None, {name: state[name] for name in self._takes}), strict=True)
            )
            log_probs = outputs["log_probs"]
            log_probs[:, UNKNOWN_ID] = -np.inf
            written = np.array([len(found[row].tokens) for row in active])
            log_probs[written >= limits[active], 1:] = -np.inf
            chosen = log_probs.argmax(axis=1)
            for place, (row, token) in enumerate(zip(active.tolist(), chosen.tolist(), strict=True)):
                found[row].log_prob += float(log_probs[place, token])
                if self.has_attention:
                    found[row].weights.append(outputs["weights"][place])
                if token != END:
                    found[row].tokens.append(token)
            state["tokens"] = chosen
            state |= {f"state{index}": outputs[f"after{index}"] for index in range(len(self.shapes))}
            if "coverage" in state:
                state["coverage"] = state["coverage"] + outputs["weights"]
            if (going_on := chosen != END).all():
                continue
            active, state = active[going_on], {name: value[going_on] for name, value in state.items()}
        return found

    def _read(self, ids: Sequence[np.ndarray], lengths: np.ndarray) -> dict[str, np.ndarray]:
        """All that a step of writing takes, before the first one."""
        padded = np.stack([np.pad(one, (0, int(lengths.max()) - len(one))) for one in ids]).astype(np.int64)
        names = [one.name for one in self.reader.get_outputs()]
        state = dict(zip(names, self.reader.run(None, {"x": padded, "x_lens": lengths}), strict=True))
        zeros = {f"state{at}": np.zeros((len(ids), *shape), np.float32) for at, shape in enumerate(self.shapes)}
        zeros |= {"coverage": np.zeros(padded.shape, np.float32)} if "coverage" in self._takes else {}
        return zeros | state | {"tokens": np.zeros(len(ids), np.int64), "lengths": lengths}
