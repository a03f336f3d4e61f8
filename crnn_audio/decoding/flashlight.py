"""Decoding by flashlight-text, for very large lexicons: its tree of words, its beam in C++, and KenLM inside of it.

Its search (Pratap et al. 2019) takes the best path of each hypothesis, and a word ends in a separator: without one it
could not hold a word's last token for two frames. So one more frame than there are is decoded, which only ends words.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.console import standard_error_silenced
from crnn_audio.decoding.decoder import refuse_nan
from crnn_audio.decoding.greedy import BLANK_ID, NO_TOKENS, GreedyState
from crnn_audio.decoding.paths import Path
from crnn_audio.errors import DataError
from crnn_audio.text.vocabulary import Vocabulary

IMPOSSIBLE = -1e4
"""The logarithm of what is not so; infinite ones are no numbers when they are subtracted."""
THRESHOLD = 60.0
"""Hypotheses that are so many nats behind the best one are left."""
NO_WORD = -1


@dataclass(frozen=True)
class Words:
    """What may be said.

    Args:
        spelled: the words, in the letters of the vocabulary.
        word_score: added for each.
        lm: an n-gram of words, or None.
        names: of each word, what the n-gram calls it; what it does not know has its probability of unknown words.
        weight: what the n-gram's logarithms are multiplied by.
    """

    spelled: Sequence[str]
    word_score: float = 0.0
    lm: FilePath | None = None
    names: Sequence[str] = ()
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class BufferedState:
    """The frames of an open utterance, which are decoded at its end."""

    frames: tuple[Float[Tensor, "_ V"], ...] = ()
    num_frames: int = 0
    path: Path = field(default=NO_TOKENS, init=False)
    best: Path = field(default=NO_TOKENS, init=False)
    num_blanks: int = field(default=0, init=False)
    started: int | None = field(default=None, init=False)
    last_token: int = field(default=BLANK_ID, init=False)


class FlashlightDecoder:
    """The best hypotheses of flashlight's beam over a vocabulary of characters.

    Args:
        words: what may be said.
        width: hypotheses that are kept.
        num_best: hypotheses that are returned as alternatives, if more than 1.
        model: what computes the log-probabilities, for the message that it computes none.

    Raises:
        DataError: flashlight-text is not installed, or KenLM cannot read the n-gram.
    """

    def __init__(self, words: Words, vocabulary: Vocabulary, width: int, num_best: int = 1, model: object = "") -> None:
        library = _library()
        self.vocabulary, self.words, self.num_best, self.model = vocabulary, words, num_best, model
        known = vocabulary.separator_id
        self.separator = len(vocabulary) if known is None else known
        self.size = max(len(vocabulary), self.separator + 1)
        self._lm = _language_model(library, words)
        options = library.LexiconDecoderOptions(
            beam_size=width,
            beam_size_token=self.size,
            beam_threshold=THRESHOLD,
            lm_weight=words.weight * math.log(10),  # KenLM's logarithms are decimal
            word_score=words.word_score,
            unk_score=-math.inf,
            sil_score=0.0,
            log_add=False,
            criterion_type=library.CriterionType.CTC,
        )
        tree = self._tree(library)
        self._decoder = library.LexiconDecoder(options, tree, self._lm, self.separator, BLANK_ID, 0, [], False)

    def _tree(self, library: Any) -> Any:
        """The words by their letters, each with what it costs without a history."""
        found = library.Trie(self.size, self.separator)
        start = self._lm.start(True)
        for number, word in enumerate(self.words.spelled):
            _, cost = self._lm.score(start, number)
            found.insert([*self.vocabulary.encode(word), self.separator], number, cost)
        found.smear(library.SmearingMode.MAX)
        return found

    def decode(self, log_probs: Float[Tensor, "B U V"], lengths: Int[Tensor, " B"]) -> list[Path]:
        """The path of each utterance; a word that is cut short by its end is left out.

        Raises:
            RunError: a log-probability is NaN.
        """
        return [self._decoded(row[:length]) for row, length in zip(log_probs, lengths.tolist(), strict=True)]

    def step(self, log_probs: Float[Tensor, "u V"], state: BufferedState | None) -> BufferedState:
        """The state after the next frames, which are kept; None begins one.

        Raises:
            RunError: a log-probability is NaN.
        """
        refuse_nan(log_probs, self.model)
        state = state or BufferedState()
        return BufferedState((*state.frames, log_probs), state.num_frames + len(log_probs))

    def finish(self, state: BufferedState) -> tuple[Path, BufferedState]:
        """The path of the open utterance, and the state of the next."""
        path = self._decoded(torch.cat(state.frames)) if state.frames else NO_TOKENS
        return path, BufferedState((), state.num_frames)

    def _decoded(self, log_probs: Float[Tensor, "U V"]) -> Path:
        refuse_nan(log_probs, self.model)
        if not len(log_probs):
            return NO_TOKENS
        frames = log_probs.double().cpu().numpy()
        emissions = np.full((len(frames) + 1, self.size), IMPOSSIBLE, dtype=np.float32)
        emissions[:-1, : frames.shape[1]] = np.maximum(frames, IMPOSSIBLE)
        emissions[-1, [BLANK_ID, self.separator]] = 0.0
        found = self._decoder.decode(emissions.ctypes.data, *emissions.shape)
        path = self._path(found[0], frames)
        if self.num_best == 1:
            return path
        likely = dict[tuple[int, ...], float]()
        for one in found:
            spelled = " ".join(self.words.spelled[word] for word in one.words if word != NO_WORD)
            likely.setdefault(tuple(self.vocabulary.encode(spelled)), one.score)
        return replace(path, alternatives=tuple(likely.items())[: self.num_best])

    def _path(self, found: Any, frames: Float[np.ndarray, "U V"]) -> Path:
        """The tokens of the words that have ended, with the frames in which they are."""
        tokens, words = np.array(found.tokens), np.array(found.words)  # before the first frame there is one more
        ended = int(np.flatnonzero(words != NO_WORD).max(initial=0))
        tokens[ended + 1 :] = BLANK_ID
        ids = tokens[1 : len(frames) + 1]
        ids[ids >= len(self.vocabulary)] = BLANK_ID
        probs = np.exp(frames[np.arange(len(frames)), ids])
        return _trimmed(GreedyState().extended(ids.tolist(), probs.tolist(), self.model).path, self.separator)


def _trimmed(path: Path, separator: int) -> Path:
    """Without separators at the beginning, at the end and after others."""
    first = next((at for at, token in enumerate(path.tokens) if token != separator), 0)
    following = (*path.tokens[1:], separator)
    kept = [
        at
        for at, (token, after) in enumerate(zip(path.tokens, following, strict=False))
        if token != separator or (at > first and after != separator)
    ]
    return replace(
        path,
        tokens=tuple(path.tokens[at] for at in kept),
        starts=tuple(path.starts[at] for at in kept),
        ends=tuple(path.ends[at] for at in kept),
        probs=tuple(path.probs[at] for at in kept),
    )


def _language_model(library: Any, words: Words) -> Any:
    """KenLM with the numbers of the words, or what says nothing of any.

    Raises:
        DataError: KenLM cannot read the file.
    """
    if words.lm is None:
        return library.ZeroLM()
    from flashlight.lib.text.decoder.kenlm import KenLM
    from flashlight.lib.text.dictionary import Dictionary

    try:
        with standard_error_silenced():  # it shows how far it has read
            return KenLM(str(words.lm), Dictionary(list(words.names)))
    except RuntimeError as error:
        reason = str(error).partition("because ")[2].splitlines() or ["of something that it does not say"]
        raise DataError(f"{words.lm}: KenLM refuses it because {reason[0].rstrip('.')}. Leave out decoder.") from None


def _library() -> Any:
    """The decoders of the package flashlight-text.

    Raises:
        DataError: it is not installed; with the extra that brings it.
    """
    try:
        import flashlight.lib.text.decoder
    except ImportError:
        raise DataError(
            "decoder flashlight needs the package flashlight-text: pip install 'crnn_audio[lm]', with Python 3.11 or "
            "3.12. Or leave out decoder."
        ) from None
    return flashlight.lib.text.decoder
