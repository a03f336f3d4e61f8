"""Places that no session reaches, and why; a beginning stands for all that begin so."""

FETCHED = "of corpora that are fetched or made: their tests, and tests/fuzz/test_archives.py, let it fail"
STREAMS = "of a standard stream, whose other calls in the same place are reached"
NAMING = "asked for a better message after something else has failed"
MEMORY = "reads or writes memory, not a file"
SLOW = "only where something lasts for seconds"

NOT_REACHED = {
    "corpora/download.py": FETCHED,
    "corpora/home.py arriving": FETCHED,
    "corpora/an4.py": FETCHED,
    "corpora/chorales.py obtain": FETCHED,
    "corpora/espeak.py": FETCHED,
    "corpora/folk_tunes.py": FETCHED,
    "corpora/fsdd.py": FETCHED,
    "corpora/jsb16.py": FETCHED,
    "corpora/librispeech.py": FETCHED,
    "corpora/nottingham.py": FETCHED,
    "corpora/piano_rolls.py": FETCHED,
    "corpora/spoken_digits.py": FETCHED,
    "corpora/tunes.py save": FETCHED,
    "audio/source.py _nearest": NAMING,
    "audio/source.py _opened_path: files.dangling": NAMING,
    "config/load.py _not_found": NAMING,
    "config/load.py find: files.dangling": NAMING,
    "runs.py locate": NAMING,
    "audio/decoders.py SoundFile._next": "by a decoder, which asks the file that source.py opened",
    "audio/splice.py": "of the same file, by a decoder of joined or repaired files",
    "audio/media.py": "by PyAV, which asks the same file: tests/unit/audio/test_media.py",
    "audio/source.py _opened_pipe": "of a named pipe; tests/cli/test_transcribe.py reads one",
    "audio/pipes.py piped": "of a stream that is no WAV, as `_wav_header`",
    "audio/pipes.py _wav_header": "of a WAV stream with more parts, as `piped`",
    "audio/source.py _all_of": MEMORY,
    "symbolic/musicxml/": MEMORY,
    "files.py _decoded: gzip.open": MEMORY,
    "symbolic/abc/tune.py": MEMORY,
    "console.py ProgressBar": SLOW,
    "training/run.py Interruption": SLOW,
    "console.py _opened": "of a stream that is closed from the start: test_streams.py",
    "console.py discard": "of a pipe that is closed: test_streams.py",
    "inference/outputs/printer.py Printer.put: self.stdout.flush": STREAMS,
    "inference/speech/live.py _Screen": STREAMS,
    "verbs/generation.py _stream: sys.stdout.write": STREAMS,
    "corpora/own/apart.py": "of texts that lie apart from their audio; pairs.py reads as it does",
    "corpora/own/kaldi.py": "of Kaldi's tables; tables.py reads as it does",
    "corpora/own/pairs.py _listed": "of lists of texts, as `_paired`",
    "corpora/own/prepare.py write_manifests: manifest.unlink": "of a split that is gone, among others",
    "evaluation/publish.py _beside: shutil.rmtree": "after something else has failed, whose error is reported",
    "problems/parts.py about_corpus": "of models of the zoo",
    "text/arpa.py read": "of a function of the API; no verb reads ARPA",
    "training/directory.py list_left_out": "of data with cuts that are left out; within the same place as other files",
}
