"""The export of recognisers: graphs, front end and tokens, for onnxruntime and for sherpa-onnx."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crnn_audio import files
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.config.sound import FbankFeatures
from crnn_audio.errors import RunError
from crnn_audio.features import stream as sound_stream
from crnn_audio.inference.export import check, recognition
from crnn_audio.inference.export.written import Written
from crnn_audio.inference.exported import folder
from crnn_audio.problems.export_sound import of_sound
from crnn_audio.problems.recognition import Assets
from crnn_audio.tasks.ctc import Recognition
from crnn_audio.text.vocabulary import UNKNOWN_SHOWN, Vocabulary

SHERPA = FbankFeatures()
"""The features that sherpa-onnx computes."""


def written(assets: Assets, task: Recognition) -> Written:
    """A recogniser's export.

    Raises:
        RunError: its features or layers have no counterpart, or the graph differs from the modules.
    """
    return of_sound(task, recognition.ctc, _eager(task), {"vocabulary.json": assets.vocabulary.save}, "transcribe")


def _eager(task: Recognition) -> check.Eager:
    def computed(features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        encoded = task.encode(task.normalizer(features, lengths), lengths)
        return encoded.frames, encoded.lengths

    return computed


# ----------------------------------------------------------------------------------------------------- sherpa-onnx


def sherpa(recipe: RecognitionRecipe, assets: Assets, task: Recognition) -> Written:
    """A folder that sherpa-onnx opens: offline where the model is bidirectional, else streaming.

    Raises:
        RunError: says all that does not fit.
    """
    live = not task.model.recurrent.bidirectional
    if wrong := _unfit(recipe, assets.vocabulary, task):
        raise RunError(f"sherpa-onnx cannot run it: {'; '.join(wrong)}.")
    if live:
        sound_stream.refuse_unless_streamable(task.front_end, task.normalizer)
        graph = recognition.sherpa(task.model, task.normalizer)
        check_sherpa(graph, task)
        usage = "sherpa-onnx --tokens=DIR/tokens.txt --zipformer2-ctc-model=DIR/model.onnx recording.wav"
    else:
        graph = recognition.whole(task.model, task.normalizer)
        check.whole(folder.in_memory(graph), task.front_end.num_features, _eager(task))
        usage = "sherpa-onnx-offline --tokens=DIR/tokens.txt --zipformer-ctc-model=DIR/model.onnx recording.wav"

    def tokens(path: Path) -> None:
        files.write_text(path, "".join(f"{token} {index}\n" for index, token in enumerate(_tokens(assets.vocabulary))))

    return Written(graph, {"streaming": live}, {"tokens.txt": tokens}, (usage,))


def _unfit(recipe: RecognitionRecipe, vocabulary: Vocabulary, task: Recognition) -> list[str]:
    """What of a model cannot pass for one of sherpa-onnx's."""
    wrong, own = list[str](), recipe.features
    expected = SHERPA.model_copy(update={"normalize": own.normalize})
    if own != expected:
        wrong.append(f"it computes fbank of {SHERPA.num_mels} bins at {SHERPA.sample_rate} Hz, 20 to 7600 Hz, alone")
    if own.normalize == "utterance" and not task.model.recurrent.bidirectional:
        wrong.append("a stream cannot be normalised over the utterance")
    if task.model.subsampling_factor != 4:
        wrong.append(f"it takes an output frame to be 40 ms (found {10 * task.model.subsampling_factor})")
    if any(" " in token or not token.isprintable() for token in vocabulary.tokens[2:] if token != " "):
        wrong.append("a token holds a space or a control character")
    return wrong


def _tokens(vocabulary: Vocabulary) -> list[str]:
    """As tokens.txt has them: the blank by its name, a space as the sign before a word."""
    if vocabulary.kind == "words":
        return ["<blk>", f"\u2581{UNKNOWN_SHOWN}", *(f"\u2581{token}" for token in vocabulary.tokens[2:])]
    return ["<blk>", UNKNOWN_SHOWN, *("\u2581" if token == " " else token for token in vocabulary.tokens[2:])]


@torch.inference_mode()
def check_sherpa(graph: Any, task: Recognition) -> None:
    """Compares the graph of chunks with the modules, as sherpa-onnx would call it.

    Raises:
        RunError: it differs.
    """
    session = folder.in_memory(graph)
    inputs = session.get_inputs()
    window = int(inputs[0].shape[1])
    shift = recognition.CHUNK * task.model.subsampling_factor
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, window + 3 * shift, task.front_end.num_features, generator=generator) * 3 - 6
    lengths = torch.full((2,), features.shape[1])
    expected = _eager(task)(features, lengths)[0]
    shapes = [[2 if size == "N" else size for size in one.shape] for one in inputs[1:]]
    types = ["int64" if one.type == "tensor(int64)" else "float32" for one in inputs[1:]]
    states = [torch.zeros(shape).numpy().astype(kind) for shape, kind in zip(shapes, types, strict=True)]
    for chunk in range(3):
        piece = features[:, chunk * shift : chunk * shift + window].numpy()
        found, *states = session.run(
            None, {one.name: value for one, value in zip(inputs, [piece, *states], strict=True)}
        )
        begin = chunk * recognition.CHUNK
        check.close(found, expected[:, begin : begin + recognition.CHUNK])
