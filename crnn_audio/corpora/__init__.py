"""One small module per corpus: licence, official home, layout, fixed splits; and `CORPORA`, all of them by name.

To add one, write its module (the protocol is `home.Corpus`) and name it here.
"""

from crnn_audio.corpora import (
    alice,
    an4,
    chorales,
    cmudict,
    coffee_commands,
    esc10,
    folk_tunes,
    fsdd,
    groove_drums,
    jsb16,
    librispeech,
    manifest_folder,
    memory,
    midi_folder,
    mini_librispeech,
    nottingham,
    pairs,
    piano_rolls,
    rendered_piano,
    scan,
    sigmorphon_g2p,
    speech_commands,
    spoken_digits,
    tatoeba_eng_fra,
    text_file,
    tinyshakespeare,
    voice_activity,
)
from crnn_audio.corpora.home import Corpus

_ALL: tuple[Corpus, ...] = (
    spoken_digits, an4, fsdd, mini_librispeech, librispeech, coffee_commands, manifest_folder,
    speech_commands, esc10,
    piano_rolls,
    chorales, folk_tunes, nottingham, jsb16, midi_folder,
    tinyshakespeare, alice, text_file,
    sigmorphon_g2p, cmudict, scan, tatoeba_eng_fra, pairs,
    memory,
    voice_activity, groove_drums, rendered_piano,
)  # fmt: skip

CORPORA: dict[str, Corpus] = {corpus.NAME: corpus for corpus in _ALL}
