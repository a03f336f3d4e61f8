"""The problems by their `task.kind`. A new kind of recipe is one module beside this one, and a line here."""

from crnn_audio.problems import (
    Problem,
    classification,
    labelling,
    memory,
    music,
    recognition,
    rolls,
    text,
    transduction,
)

PROBLEMS: dict[str, Problem] = {
    "recognition": recognition,
    "rolls": rolls,
    "music": music,
    "text": text,
    "transduction": transduction,
    "classification": classification,
    "memory": memory,
    "labelling": labelling,
}

TAGS = {
    "recognition": "automatic-speech-recognition",
    "classification": "audio-classification",
    "text": "text-generation",
    "transduction": "text2text-generation",
}
"""What hubs of models call the tasks that they know."""
