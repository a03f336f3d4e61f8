"""One small module per corpus: licence, official home, layout, fixed splits; a folder becomes cuts."""

from crnn_audio.corpora import an4, fsdd, librispeech, mini_librispeech, spoken_digits
from crnn_audio.corpora.home import Corpus

CORPORA: dict[str, Corpus] = {
    "spoken_digits": spoken_digits,
    "an4": an4,
    "fsdd": fsdd,
    "mini_librispeech": mini_librispeech,
    "librispeech": librispeech,
}
