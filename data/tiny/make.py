"""Makes the committed corpus beside this file, data/tiny: 24 short strings of spoken digits by espeak-ng.

Run `python data/tiny/make.py` with the extra `synth` installed; it is needed only to change the corpus.
"""

from pathlib import Path

from crnn_audio.corpora import spoken_digits

if __name__ == "__main__":
    # Seed 7 is one whose sixteen train utterances hold all ten words.
    spoken_digits.make(Path(__file__).parent, sizes={"train": 16, "dev": 4, "test": 4}, longest=3, seed=7)
