"""The decoder that options ask for: a graph that is searched exactly where it is small, else a prefix beam."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from crnn_audio import files
from crnn_audio.decoding.beam.automata import AutomatonScorer
from crnn_audio.decoding.beam.decoder import PrefixBeam
from crnn_audio.decoding.beam.ngrams import NGramTable, TokenNGram
from crnn_audio.decoding.beam.scorers import Scorer
from crnn_audio.decoding.beam.words import WordScorer
from crnn_audio.decoding.ctc import Greedy
from crnn_audio.decoding.decoder import Decoder
from crnn_audio.decoding.flashlight import FlashlightDecoder, Words
from crnn_audio.decoding.graph import grammars, ngrams, words
from crnn_audio.decoding.graph.automaton import NO_OUTPUT, Automaton
from crnn_audio.decoding.graph.decoder import GraphDecoder
from crnn_audio.decoding.graph.topology import composed
from crnn_audio.decoding.graph.words import FREE_WORD, WordGraph, fitted
from crnn_audio.decoding.options import FLASHLIGHT, DecodingOptions
from crnn_audio.errors import DataError
from crnn_audio.text import arpa
from crnn_audio.text.grammar import files as grammar_files
from crnn_audio.text.grammar.hassil import in_words
from crnn_audio.text.ngram import SPECIAL, NGram
from crnn_audio.text.vocabulary import UNKNOWN, Vocabulary

SENTENCE_SCORE = -4.0
"""Nats that another sentence of a grammar costs, where several are said in one recording."""

SILENT = "\0"
"""What tokens of an n-gram begin with that the recogniser cannot say."""

FLASHLIGHT_WIDTH = 50
"""Hypotheses of flashlight's beam, in which one that ends in a blank is another."""

Report = Callable[[str], None]


@runtime_checkable
class LanguageModel(Protocol):
    """What re-scores hypotheses."""

    def log_prob(self, text: str) -> float:
        """The natural logarithm of the probability of a text."""


def decoder_of(
    options: DecodingOptions,
    vocabulary: Vocabulary,
    *,
    model: object = "",
    device: torch.device | None = None,
    language_model: LanguageModel | None = None,
    report: Report = lambda message: None,
) -> Decoder[Any]:
    """The decoder of a recogniser with this vocabulary.

    Args:
        language_model: the opened run that `lm` names, where that is one; it orders the hypotheses of a beam again.
        model: names the recogniser in messages.
        report: shows what a person should know, such as words that are left out.

    Raises:
        DataError: a file cannot be read, is damaged, or does not fit the vocabulary; or a graph is too large.
    """
    if options.is_greedy:
        return Greedy(model)
    if options.lm and options.lm.is_dir() and language_model is None:
        raise DataError(f"{options.lm}: a run, which has to be opened first. Hand it in as language_model.")
    sources = _Sources.read(options, vocabulary, report)
    if options.decoder == FLASHLIGHT:
        return _flashlight(options, vocabulary, sources, model)
    automaton = _automaton(options, vocabulary, sources) if language_model is None else None
    beam = partial(
        PrefixBeam, width=options.width, num_best=options.nbest, model=model, separator=vocabulary.separator_id
    )
    if automaton is not None and options.grammar and (options.beam or options.nbest > 1):
        ways = AutomatonScorer(automaton)
        return beam([ways], num_tokens=len(vocabulary))
    if automaton is not None:
        return GraphDecoder(composed(automaton, device=device), model)
    scorers = list[Scorer]()
    of_tokens = sources.words if vocabulary.kind == "words" else sources.characters
    if of_tokens is not None:
        scorers.append(_token_scorer(of_tokens, vocabulary, options, device))
    if sources.lexicon is not None or sources.hot or (sources.words is not None and of_tokens is None):
        scorers.append(_word_scorer(options, vocabulary, sources))
    rescore = partial(_besides, language_model, vocabulary, options) if language_model is not None else None
    return beam(scorers, rescore=rescore)


def _besides(
    language_model: LanguageModel, vocabulary: Vocabulary, options: DecodingOptions, tokens: tuple[int, ...]
) -> float:
    """What a language model adds to a hypothesis, and `word_score` for each of its words."""
    text = vocabulary.decode(tokens).strip()
    return options.lm_weight * language_model.log_prob(text) + options.word_score * len(text.split())


@dataclass(frozen=True)
class _Sources:
    """What the files hold, in the case of the vocabulary; `characters` and `words` are the n-gram, by its tokens.

    `written` are the tokens of the n-gram as they stand in its file.
    """

    lexicon: list[str] | None
    hot: dict[str, float]
    characters: NGram | None
    words: NGram | None
    written: Mapping[str, str]

    @classmethod
    def read(cls, options: DecodingOptions, vocabulary: Vocabulary, report: Report) -> "_Sources":
        listed = read_words(options.lexicon, vocabulary) if options.lexicon else None
        lexicon = None if listed is None else list(dict.fromkeys(word for line in listed for word in line.split()))
        hot = read_words(options.hotwords, vocabulary) if options.hotwords else []
        written = arpa.read(path) if (path := options.ngram) else None
        model = _fitted_model(written, vocabulary, path, report) if path and written else None
        spoken = [token for token in model.tokens[len(SPECIAL) :] if token[0] != SILENT] if model is not None else []
        of_words = vocabulary.kind == "words" or not set(spoken) <= set(vocabulary.tokens)
        return cls(
            lexicon,
            {word: bonus(word, options.hotword_score) for word in hot},
            None if of_words else model,
            model if of_words else None,
            dict(zip(model.tokens, written.tokens, strict=True)) if model and written else {},
        )

    @property
    def known_words(self) -> list[str] | None:
        """The words of the lexicon, or without one those of the n-gram that can be said; None without either."""
        if self.lexicon is not None or self.words is None:
            return self.lexicon
        return [token for token in self.words.tokens[len(SPECIAL) :] if not token.startswith(SILENT)]


def bonus(word: str, score: float) -> float:
    """What is added for an expected word: `score` for each letter after the first.

    Two short words in the place of a long one gain less than that one, and a short word, which stands in many others,
    little.
    """
    return score * (len(word.replace(" ", "")) - 1)


def read_words(path: Path, vocabulary: Vocabulary) -> list[str]:
    """The words of a file, one a line, in the vocabulary's case; numbers are spelled out.

    Raises:
        DataError: it cannot be read, is empty, or has letters that the vocabulary lacks.
    """
    lines = files.read_text(path, DataError, advice="Save it as UTF-8.").splitlines()
    found = list(dict.fromkeys(fitted(spelled_out(line), vocabulary) for line in lines if line.strip()))
    if not found:
        raise DataError(f"{path}: holds no words. Write one in each line.")
    words.refuse_unknown(found, vocabulary, str(path))
    return found


def spelled_out(line: str) -> str:
    """A line with its numbers in English words."""
    return " ".join(in_words(int(word)) if word.isdecimal() and len(word) < 7 else word for word in line.split())


def _fitted_model(model: NGram, vocabulary: Vocabulary, path: Path, report: Report) -> NGram:
    """An n-gram with its tokens in the case of the vocabulary; those that cannot be said are never predicted.

    Raises:
        DataError: it has none that can be said.
    """
    tokens = [token if token.isspace() else fitted(token, vocabulary) for token in model.tokens]
    first: dict[str, int] = {}
    silent = list[str]()
    for at, token in enumerate(tokens[len(SPECIAL) :], len(SPECIAL)):
        sayable = token in vocabulary.tokens or not vocabulary.unknown(token)
        if not sayable or first.setdefault(token, at) != at:
            silent.append(model.tokens[at])
            tokens[at] = f"{SILENT}{at}"
    num_tokens = len(tokens) - len(SPECIAL)
    if len(silent) == num_tokens:
        raise DataError(f"{path}: the model can say none of its tokens. Take a language model of such transcripts.")
    if silent:
        report(f"{path}: {len(silent)} of {num_tokens} tokens cannot be said by the model, such as {silent[0]!r}.")
    return replace(model, tokens=(*SPECIAL, *tokens[len(SPECIAL) :]))


def _automaton(options: DecodingOptions, vocabulary: Vocabulary, sources: _Sources) -> Automaton | None:
    """What may be said as a graph; None where it is large, or a beam is asked for."""
    if options.grammar:
        found = grammars.compiled(grammar_files.read(options.grammar)).graph
        found = words.in_case(found, vocabulary, str(options.grammar))
        return words.automaton(words.repeated(_with_bonuses(found, sources.hot), SENTENCE_SCORE), vocabulary)
    if options.beam or options.nbest > 1 or sources.characters is not None:
        return None
    if sources.words is not None:
        if not ngrams.is_small(sources.words):
            return None
        lexicon = sources.lexicon if sources.lexicon is None else [*sources.lexicon, *sources.hot]
        found = ngrams.word_graph(sources.words, options.lm_weight, options.word_score, lexicon)
        return words.automaton(_with_bonuses(_spellable(found), sources.hot), vocabulary)
    if sources.lexicon is not None:
        found = words.loop([*sources.lexicon, *sources.hot], options.word_score)
        return words.automaton(_with_bonuses(found, sources.hot), vocabulary)
    found = _with_bonuses(words.loop(sources.hot), sources.hot)
    return words.automaton(replace(found, arcs=(*found.arcs, (0, FREE_WORD, 0, 0.0, NO_OUTPUT))), vocabulary)


def _with_bonuses(graph: WordGraph, bonuses: dict[str, float]) -> WordGraph:
    arcs = tuple(
        (source, word, target, weight + bonuses.get(word, 0.0), output)
        for source, word, target, weight, output in graph.arcs
    )
    return replace(graph, arcs=arcs)


def _spellable(graph: WordGraph) -> WordGraph:
    return replace(graph, arcs=tuple(arc for arc in graph.arcs if not arc[1].startswith(SILENT)))


def _token_scorer(
    model: NGram, vocabulary: Vocabulary, options: DecodingOptions, device: torch.device | None
) -> TokenNGram:
    known = {token: at for at, token in enumerate(model.tokens)}
    ids = [known.get(token, 0) if at > 1 else 0 for at, token in enumerate(vocabulary.tokens)]
    return TokenNGram(NGramTable(model, device), ids, options.lm_weight, options.word_score, model.marked)


def _word_scorer(options: DecodingOptions, vocabulary: Vocabulary, sources: _Sources) -> WordScorer:
    if vocabulary.separator is None:
        raise DataError(
            f"the model writes {vocabulary.kind}, and a beam looks for words among characters alone: leave out beam "
            "and nbest, or take an n-gram of these tokens."
        )
    model, listed = sources.words, sources.known_words
    is_open = listed is None or bool(options.beam and options.lm and sources.lexicon is None)
    listed = list(dict.fromkeys([*(listed or []), *sources.hot]))
    if several := [word for word in listed if " " in word]:
        raise DataError(f"{several[0]!r} is more than one word, which a beam does not look for. List single words.")
    known = {token: at for at, token in enumerate(model.tokens)} if model is not None else {}
    return WordScorer(
        listed,
        vocabulary,
        table=NGramTable(model) if model is not None else None,
        ids=[known.get(word, 0) for word in listed],
        weight=options.lm_weight,
        word_score=options.word_score if sources.characters is None else 0.0,
        bonuses=sources.hot,
        is_open=is_open,
    )


def _flashlight(
    options: DecodingOptions, vocabulary: Vocabulary, sources: _Sources, model: object
) -> FlashlightDecoder:
    wrong = ""
    if vocabulary.kind != "characters":
        wrong = f"the model writes {vocabulary.kind}, and decoder flashlight looks for words among characters"
    elif options.lm and not options.ngram:
        wrong = f"{options.lm}: a run, by which decoder flashlight orders nothing again"
    elif sources.characters is not None or (sources.words is not None and not sources.words.marked):
        wrong = f"{options.lm}: decoder flashlight takes n-grams of the words of sentences alone"
    elif sources.known_words is None:
        wrong = "decoder flashlight looks for words that are known: give a lexicon, or an n-gram of words"
    if wrong:
        raise DataError(f"{wrong}. Or leave out decoder.")
    listed = sources.known_words or []
    names = [arpa.escaped(sources.written.get(word, f"{UNKNOWN} {at}")) for at, word in enumerate(listed)]
    found = Words(listed, options.word_score, options.ngram, names, options.lm_weight)
    width = max(options.beam or FLASHLIGHT_WIDTH, 4 * options.nbest)
    return FlashlightDecoder(found, vocabulary, width, options.nbest, model)
