"""The tables of `recipes/README.md`: which metrics stand together, and what is said of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SPEECH = """\
How many words are wrong, in per cent of the words that were said: greedy decoding, without a language model. CER is the
same of characters. Of a corpus with folds each fold is test once, and the row is their mean."""
ROLLS = """\
How badly the next frame is predicted: the binary cross-entropies of its 88 keys summed, in nats, the mean over all
frames but the first of each piece (Bai, Kolter and Koltun 2018); at the epoch that is best on dev. With the head
`sigmoid` each key is predicted independently, with `joint` given the keys below it in its frame. A copy context is what
followed the longest earlier match of the piece's end: a memory that other models of this table do without. Beside it
the mean over pieces of each piece's mean, and the mean over windows of 200 frames without the silent ones, each from a
state of zero (Zakovskis et al. 2021)."""
NOTES = """\
How badly the next tokens are predicted: the nats of all predicted tokens of a piece, none of which is fixed, over its
notes and rests (melodies) or its voices times sixteenths (chorales), in its own key. `jsb16` has a term for each
sixteenth and voice, soprano to bass, silence being one of the classes; the end of a piece does not count."""
TEXTS = """\
How badly the last tenth of a text is predicted, read as one running text: its nats over its characters. So for words
too, whose case and spaces are not predicted, and of those outside the vocabulary only that they are. Beside it the same
text in windows of 256 tokens, each from a state of zero."""
PRONUNCIATIONS = """\
How many words get a pronunciation that is none of the listed ones (WER), and how many phones are wrong, counted against
the nearest of these (PER), in per cent. Searched as the recipe says."""
RECORDINGS = """\
How many recordings get their label, in per cent. Of a corpus with folds each fold is test once, and the row is their
mean. The head is named after how it pools the frames of a recording. Keywords missed
in a stream are those at half a false alarm an hour of background, or as the command says."""
COMMANDS = """\
How many sequences are exactly right, in per cent."""
ORDERS = """\
How many spoken commands are understood, in per cent: intent and every slot right, by the grammar that the model keeps;
what is not accepted at the threshold of 0.5 counts as wrong. A decoder named beside it is that grammar."""
TRANSLATIONS = """\
BLEU and chrF by sacrebleu with its defaults, from 0 to 100, against all known translations of each sentence. Searched
as the recipe says."""
SEGMENTS = """\
How well labels of frames agree with the truth: F1, the harmonic mean of precision and recall, in per cent, the mean
over labels. Beside it the starts of segments, within 50 ms."""
ONSETS = """\
How well onsets are found within 50 ms: F1 in per cent, the mean over labels. Test is played with a soundfont that
training never used."""
PITCHES = """\
How well notes are found, by their onsets within 50 ms: F1 in per cent, of all pitches together. Beside it notes whose
ends count too, and frames."""
ADDING = """\
The mean squared error of the sum of two of many numbers; 0.167 for whoever says 1 each time (Bai, Kolter and Koltun
2018). Every epoch has new examples."""
COPYING = """\
Nats of each of the symbols to be said, most of them blanks: ten after a pause of 1,000 cost 0.0204 without a memory
(Bai, Kolter and Koltun 2018). Every epoch has new examples."""


@dataclass(frozen=True)
class Section:
    """The rows of a metric, and the other metrics that stand beside it in its table, by their headings.

    Its recipes are those that have this metric and `also` among theirs, where no other section has more of them.
    """

    title: str
    about: str
    metric: str
    heading: str
    beside: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()

    @property
    def signs(self) -> set[str]:
        """The metrics that its recipes have."""
        return {self.metric, *self.also}


SECTIONS = (
    Section("Speech", SPEECH, "wer", "WER %", {"cer": "CER %"}),
    Section("Pronunciations", PRONUNCIATIONS, "wer", "wrong words %", {"per": "wrong phones %"}, ("per",)),
    Section("Labels of recordings", RECORDINGS, "accuracy", "right %", {"miss_rate": "keywords missed %"}),
    Section("Labels of frames", SEGMENTS, "f1_frame", "F1 %", {"f1_onset": "starts %"}, ("f1_onset",)),
    Section("Onsets", ONSETS, "f1_onset", "F1 %"),
    Section(
        "Notes in recordings",
        PITCHES,
        "f1_onset",
        "F1 %",
        {"f1_note": "with ends %", "f1_frame": "frames %"},
        ("f1_note",),
    ),
    Section("Commands", COMMANDS, "accuracy", "right %", also=("wer",)),
    Section("Spoken commands", ORDERS, "acceptance", "accepted %"),
    Section("Translations", TRANSLATIONS, "bleu", "BLEU", {"chrf": "chrF"}, ("wer",)),
    Section(
        "Piano rolls",
        ROLLS,
        "nats_per_frame",
        "nats a frame",
        {"nats_per_frame_by_piece": "mean over pieces", "nats_per_frame_by_window": "mean over windows"},
    ),
    Section("Notes", NOTES, "nats_per_note", "nats a note"),
    Section(
        "Characters and words",
        TEXTS,
        "nats_per_character",
        "nats a character",
        {"nats_per_character_by_window": "in windows"},
    ),
    Section("Adding problem", ADDING, "mse", "mean squared error"),
    Section("Copy memory", COPYING, "nats_per_token", "nats a symbol"),
)


def of_metrics(metrics: set[str]) -> Section | None:
    """The section of a recipe whose rows have these metrics."""
    return max((one for one in SECTIONS if one.signs <= metrics), key=lambda one: len(one.signs), default=None)
