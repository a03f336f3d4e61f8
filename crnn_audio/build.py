"""From a recipe to its parts: what all recipes share, what hears, what plays, what writes. With `builders` the only
place that knows both.

A new cell, front end or corpus is one entry in a dictionary there, and its name in `config`; a test holds the two
equal.
"""

from crnn_audio.builders.events import composing as composing
from crnn_audio.builders.events import condition_of as condition_of
from crnn_audio.builders.events import encoded as encoded
from crnn_audio.builders.events import event_feed as event_feed
from crnn_audio.builders.events import known_conditions as known_conditions
from crnn_audio.builders.events import music as music
from crnn_audio.builders.events import next_token as next_token
from crnn_audio.builders.language import encoded_text as encoded_text
from crnn_audio.builders.language import language as language
from crnn_audio.builders.language import spelled as spelled
from crnn_audio.builders.language import text as text
from crnn_audio.builders.language import text_feed as text_feed
from crnn_audio.builders.language import vocabulary_of_text as vocabulary_of_text
from crnn_audio.builders.language import writing as writing
from crnn_audio.builders.parts import conv_front as conv_front
from crnn_audio.builders.parts import device as device
from crnn_audio.builders.parts import model as model
from crnn_audio.builders.parts import rebuilding as rebuilding
from crnn_audio.builders.parts import required as required
from crnn_audio.builders.parts import threads as threads
from crnn_audio.builders.preparing import Prepared as Prepared
from crnn_audio.builders.preparing import PreparedRolls as PreparedRolls
from crnn_audio.builders.preparing import PreparedText as PreparedText
from crnn_audio.builders.preparing import PreparedTunes as PreparedTunes
from crnn_audio.builders.preparing import prepare as prepare
from crnn_audio.builders.rolls import KEYS_HEADS as KEYS_HEADS
from crnn_audio.builders.rolls import next_frame as next_frame
from crnn_audio.builders.rolls import pieces as pieces
from crnn_audio.builders.rolls import roll_feed as roll_feed
from crnn_audio.builders.scores import FITTED as FITTED
from crnn_audio.builders.scores import REPRESENTATIONS as REPRESENTATIONS
from crnn_audio.builders.scores import about as about
from crnn_audio.builders.scores import as_rows as as_rows
from crnn_audio.builders.scores import keyed as keyed
from crnn_audio.builders.scores import num_bars as num_bars
from crnn_audio.builders.scores import own_condition as own_condition
from crnn_audio.builders.scores import rows_of as rows_of
from crnn_audio.builders.scores import score_of as score_of
from crnn_audio.builders.scores import voice_of as voice_of
from crnn_audio.builders.speech import FRONT_ENDS as FRONT_ENDS
from crnn_audio.builders.speech import Splits as Splits
from crnn_audio.builders.speech import Statistics as Statistics
from crnn_audio.builders.speech import cuts as cuts
from crnn_audio.builders.speech import distortion as distortion
from crnn_audio.builders.speech import feed as feed
from crnn_audio.builders.speech import findings as findings
from crnn_audio.builders.speech import findings_by_kind as findings_by_kind
from crnn_audio.builders.speech import front_end as front_end
from crnn_audio.builders.speech import normalizer as normalizer
from crnn_audio.builders.speech import of_run as of_run
from crnn_audio.builders.speech import recognition as recognition
from crnn_audio.builders.speech import splits as splits
from crnn_audio.builders.speech import vocabulary as vocabulary
