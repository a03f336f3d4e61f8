"""The command line: which verbs there are, and what becomes of their errors.

Results go to standard output, all else to standard error. Exit codes: 0 fine, 1 bug, 2 usage, 3 recipe, 4 data, 5 run
directory, 6 stream, 130 interrupted. torch and all that needs it are imported inside the verbs, so that help and
mistakes in a recipe answer at once.
"""

import os
import sys
from collections.abc import Callable

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # two spinning threads on busy cores are slower than one
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy multiplies small matrices here, and its second thread spins

import typer

from crnn_audio.console import discard, report, standard_streams
from crnn_audio.errors import CrnnAudioError, DataError
from crnn_audio.verbs import (
    commands,
    data,
    exporting,
    generation,
    labels,
    models,
    recipes,
    serving,
    sounds,
    speech,
    text,
    training,
    translation,
    tuning,
)

VERBS: dict[str, Callable[..., None]] = {  # in the order of `--help`
    "recipes": recipes.list_recipes,
    "show": recipes.show,
    "prepare": data.prepare,
    "doctor": data.doctor,
    "train": training.train,
    "evaluate": models.evaluate,
    "publish": models.publish,
    "transcribe": speech.transcribe,
    "stream": speech.stream,
    "understand": commands.understand,
    "align": speech.align,
    "tune": tuning.tune,
    "classify": sounds.classify,
    "label": labels.label,
    "translate": translation.translate,
    "generate": generation.generate,
    "score": generation.score,
    "next": generation.next_tokens,
    "ngram": text.ngram,
    "export": exporting.export,
    "serve": serving.serve,
}

app = typer.Typer(
    name="crnn-audio",
    help="Speech recognition, music and text with convolutional-recurrent networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for name, verb in VERBS.items():
    app.command(name)(verb)


def main() -> None:
    """Runs the command line: every error a person can act on is one message and an exit code."""
    with standard_streams():
        try:
            try:
                app()
            finally:
                sys.stdout.flush()  # here, where a closed pipe can still be caught
        except CrnnAudioError as error:
            report(str(error))
            sys.exit(error.exit_code)
        except SystemExit as ending:
            sys.exit(0 if isinstance(ending.__context__, BrokenPipeError) else ending.code)  # typer ends it with 1
        except BrokenPipeError:
            discard(sys.stdout)
            sys.exit(0)
        except OSError as error:  # of a folder or a disk, where no place knows more of it
            report(f"{error.filename or 'a file'}: {error.strerror or error}. See to it, and repeat the command.")
            sys.exit(DataError.exit_code)
