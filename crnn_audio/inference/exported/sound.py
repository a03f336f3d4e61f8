"""An exported model that gives outputs for frames of sound: its front end, its graph, whole recordings and live."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from crnn_audio.errors import StreamError
from crnn_audio.inference.exported import folder
from crnn_audio.inference.exported.folder import Exported
from crnn_audio.inference.exported.front_end import FrontEnd, SoundBuffer
from crnn_audio.inference.exported.pieces import PieceGraph
from crnn_audio.inference.speech.blocks import Blocks


class SoundGraph:
    """Features, and outputs for them; `pieces` is None where the model needs the whole recording."""

    def __init__(self, exported: Exported) -> None:
        self.front_end = FrontEnd.load(exported.path / "front_end.npz")
        self.convolutions = folder.convolutions(exported)
        self.session = folder.session(exported)
        pieces = exported.fact("pieces", (dict, type(None)))
        self.pieces = PieceGraph(self.session, pieces, self.front_end.num_features) if pieces else None

    @property
    def frame_seconds(self) -> float:
        """Seconds between output frames."""
        factor = int(np.prod([stride for _, stride, _ in self.convolutions]))
        return factor * self.front_end.hop_length / self.front_end.sample_rate

    def output_length(self, frames: int) -> int:
        """Output frames of so many frames of features."""
        return folder.output_length(self.convolutions, frames)

    def outputs(
        self, features: Sequence[Float[np.ndarray, "_ F"]]
    ) -> tuple[Float[np.ndarray, "B U V"], Int[np.ndarray, " B"]]:
        """Outputs for whole recordings, and how many frames of each are real."""
        lengths = np.array([self.output_length(len(one)) for one in features])
        if self.pieces is not None:
            running = [self.pieces.start() for _ in features]
            for one, frames in zip(running, features, strict=True):
                self.pieces.add(one, frames)
                self.pieces.end(one, int(lengths.max()))
            found = self.pieces.advance(running)
            return np.stack([one[: lengths.max()] for one in found]), lengths
        padded, counts = folder.padded(features)
        outputs, _ = self.session.run(None, {"x": padded, "x_lens": counts})
        return outputs, lengths

    def live(self, verb: str) -> PieceGraph:
        """The graph of pieces.

        Raises:
            StreamError: the model needs the whole recording, which `verb` reads.
        """
        if self.pieces is None:
            raise StreamError(
                f"this model is bidirectional and cannot stream. Train a one-directional recipe, or use {verb}."
            )
        return self.pieces


class LiveSound:
    """One live stream: the sound that is fed, as frames that wait for the graph, and its state.

    Raises:
        StreamError: there is no such sample rate.
    """

    def __init__(self, sound: SoundGraph, graph: PieceGraph, sample_rate: int) -> None:
        self.blocks = Blocks(sample_rate, sound.front_end.sample_rate)
        self.running = graph.start()
        self._sound, self._graph = sound, graph
        self._buffer = SoundBuffer(sound.front_end)

    def take(self, block: np.ndarray, last: bool) -> None:
        """Turns the next samples into frames that wait to be stepped."""
        self._graph.add(self.running, self._buffer.add(self.blocks.take(block, last=last), last))
        if last:
            self._graph.end(self.running, self._sound.output_length(self.running.begin + len(self.running.frames)))

    def outputs(self, block: np.ndarray, *, last: bool) -> Float[np.ndarray, "u V"]:
        """The outputs that these next samples make possible."""
        self.take(block, last)
        return self._graph.advance([self.running])[0]
