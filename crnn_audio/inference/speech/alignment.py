"""Forced alignment: a recording and its text to the times of its words, for recordings of an hour too."""

import numpy as np
import torch

from crnn_audio import audio
from crnn_audio.audio import Loss, Source
from crnn_audio.decoding.alignment import aligned_one
from crnn_audio.decoding.build import spelled_out
from crnn_audio.decoding.graph.words import fitted, refuse_unknown
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech import long, transcription
from crnn_audio.inference.speech.channels import OneChannel
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.text.normalize import normalize


def align(recognizer: Recognizer, source: Source, text: str, name: str = "the text") -> Hypothesis:
    """The words of a text with the times at which they are said, and how sure the model is of each.

    Punctuation is left out, numbers are spelled out, and letters take the case of the model's.

    Args:
        source: a recording, as for `Recognizer.transcribe`.
        name: what messages call the text.

    Raises:
        DataError: the recording cannot be read, the text has no words or letters that the model lacks, or it does not
            fit into the recording.
    """
    vocabulary = recognizer.task.vocabulary
    words = fitted(spelled_out(normalize(text, case="keep", punctuation="remove")), vocabulary)
    if not words:
        raise DataError(f"{name}: holds no words.")
    refuse_unknown(words.split(), vocabulary, name)
    recording, losses = OneChannel(source), list[Loss]()
    with audio.opened(source) as sound, torch.inference_mode():
        features = long.LongRecording(recognizer.task, sound, losses.append)
        with long.one_thread(recognizer.device):
            log_probs = torch.cat(list(long.log_probs_of(features))).double().cpu().numpy()
    transcription.require_a_frame(recognizer, features.num_samples, recording)
    try:
        path = aligned_one(np.ascontiguousarray(log_probs), vocabulary.encode(words))
    except ValueError as error:
        raise DataError(f"{recording.name}: {error}. Is {name} what is said in it?") from None
    found = recognizer.hypothesis(path, features.num_samples / recognizer.sample_rate)
    return transcription.with_source(found, recording, losses, sound.adjustment.remarks)
