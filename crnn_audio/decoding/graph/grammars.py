"""A grammar as a graph over words: determinised, with common endings merged, and refused where it is ambiguous.

Words are labelled with what they mean as well: an intent stands on the first word of its sentence, the value of a slot
on its last one. So a sentence that means two things has two paths, which are found.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from crnn_audio.decoding.graph.automaton import NO_OUTPUT, too_large
from crnn_audio.decoding.graph.words import WordArc, WordGraph
from crnn_audio.errors import DataError
from crnn_audio.text.grammar.tree import (
    MAX_PHRASES,
    Choice,
    Grammar,
    Intent,
    Node,
    Repeat,
    Slot,
    Word,
    choice,
    phrases,
)
from crnn_audio.text.grammar.tree import Sequence as SequenceNode

Tag = tuple[str, str]
"""A slot and its value; the slot of an intent has no name."""
Label = tuple[str, tuple[Tag, ...]]
MAX_STATES = 500_000
MAX_PAIRS = 1_000_000
"""Pairs of states that are compared to find ambiguities; larger grammars are not searched further."""


@dataclass(frozen=True)
class Compiled:
    """The graph of a grammar; its outputs are positions in `tags`."""

    graph: WordGraph
    tags: tuple[tuple[Tag, ...], ...]


def compiled(grammar: Grammar) -> Compiled:
    """The graph of a grammar, each sentence of which is said once.

    Raises:
        DataError: it is ambiguous, allows a sentence without words, or is too large.
    """
    parts = []
    by_meaning = sorted(grammar.intents, key=_meaning)
    for (name, slots), intents in groupby(by_meaning, _meaning):
        determined = _determinised(choice([one.sentence for one in intents]), grammar.source)
        if 0 in determined.finals:
            raise DataError(f"{grammar.source}: intent {name!r} allows a sentence without words. Require one.")
        intent: tuple[Tag, ...] = (("", name),) if name else ()
        parts.append(_merged(_marked(determined, (*intent, *slots))))
    united = _merged(_united(parts))
    _refuse_ambiguous(united, grammar.source)
    labels = [label for _, label, _ in united.arcs]
    tags = tuple(dict.fromkeys(given for _, given in labels if given))
    number = {one: at for at, one in enumerate(tags)}
    arcs: tuple[WordArc, ...] = tuple(
        (source, word, target, 0.0, number.get(given, NO_OUTPUT)) for source, (word, given), target in united.arcs
    )
    return Compiled(WordGraph(arcs, dict.fromkeys(sorted(united.finals), 0.0)), tags)


def _meaning(intent: Intent) -> tuple[str, tuple[Tag, ...]]:
    return intent.name, intent.slots


@dataclass
class _Machine:
    """States with arcs that read labels; in the making also with steps that read none."""

    arcs: list[tuple[int, Label, int]] = field(default_factory=list)
    silent: list[tuple[int, int]] = field(default_factory=list)
    finals: set[int] = field(default_factory=set)
    size: int = 1

    def state(self) -> int:
        self.size += 1
        if self.size > MAX_STATES:
            raise too_large(self.size)
        return self.size - 1


def _determinised(sentence: Node, source: str) -> _Machine:
    """The automaton of a sentence in which no state has two arcs of one label (subset construction)."""
    machine = _Machine()
    end = _add(machine, sentence, 0, source)
    reads: list[list[tuple[Label, int]]] = [[] for _ in range(machine.size)]
    for begin, label, target in machine.arcs:
        reads[begin].append((label, target))
    closures = _closures(machine)
    found = _Machine()
    number = {closures[0]: 0}
    queue = deque([closures[0]])
    while queue:
        states = queue.popleft()
        if end in states:
            found.finals.add(number[states])
        following: dict[Label, set[int]] = {}
        for state in states:
            for label, target in reads[state]:
                following.setdefault(label, set()).update(closures[target])
        for label, targets in following.items():
            held = frozenset(targets)
            if held not in number:
                number[held] = found.state()
                queue.append(held)
            found.arcs.append((number[states], label, number[held]))
    return found


def _add(machine: _Machine, node: Node, begin: int, source: str) -> int:
    """Adds a part that begins in a state; the state in which it ends."""
    match node:
        case Word(text):
            return _chain(machine, [(text, ())], begin)
        case SequenceNode(parts):
            for part in parts:
                begin = _add(machine, part, begin, source)
            return begin
        case Choice(options):
            ends = [_add(machine, option, begin, source) for option in options]
            end = machine.state()
            machine.silent += [(one, end) for one in ends]
            return end
        case Repeat(part):
            again = machine.state()
            machine.silent.append((begin, again))
            end = _add(machine, part, again, source)
            after = machine.state()
            machine.silent += [(end, again), (end, after)]
            return after
        case Slot(name, part, value):
            return _add_slot(machine, name, _values(part, name, source), value, begin)


def _values(part: Node, name: str, source: str) -> list[tuple[str, ...]]:
    found = list[tuple[str, ...]]()
    for phrase in phrases(part, source):
        found.append(phrase)
        if len(found) > MAX_PHRASES:
            raise DataError(f"{source}: slot {name!r} has more than {MAX_PHRASES:,} values. Split it, or list fewer.")
    if not any(found):
        raise DataError(f"{source}: slot {name!r} has no values. List them, or leave it out.")
    return found


def _add_slot(machine: _Machine, name: str, values: Iterable[tuple[str, ...]], value: str | None, begin: int) -> int:
    end = machine.state()
    for phrase in values:
        labels: list[Label] = [(word, ()) for word in phrase]
        if labels:
            labels[-1] = (phrase[-1], ((name, value or " ".join(phrase)),))
        machine.silent.append((_chain(machine, labels, begin), end))
    return end


def _chain(machine: _Machine, labels: Iterable[Label], begin: int) -> int:
    for label in labels:
        state = machine.state()
        machine.arcs.append((begin, label, state))
        begin = state
    return begin


def _closures(machine: _Machine) -> list[frozenset[int]]:
    """Of each state, all that are reached from it without a word."""
    steps: list[list[int]] = [[] for _ in range(machine.size)]
    for begin, end in machine.silent:
        steps[begin].append(end)
    found = []
    for state in range(machine.size):
        reached, front = {state}, [state]
        while front:
            front = [end for one in front for end in steps[one] if end not in reached]
            reached.update(front)
        found.append(frozenset(reached))
    return found


def _marked(machine: _Machine, tags: tuple[Tag, ...]) -> _Machine:
    """With tags on the first word of each sentence; nothing leads back to the start."""
    arcs = [
        (source, (label[0], (*tags, *label[1])) if source == 0 else label, target)
        for source, label, target in machine.arcs
    ]
    return _Machine(arcs, [], machine.finals, machine.size)


def _united(parts: Sequence[_Machine]) -> _Machine:
    """All of them, from one start."""
    united = _Machine()
    for part in parts:
        offset = united.size - 1
        united.size += part.size - 1
        united.arcs += [
            (source + offset if source else 0, label, target + offset) for source, label, target in part.arcs
        ]
        united.finals |= {state + offset for state in part.finals}
    return united


def _merged(machine: _Machine) -> _Machine:
    """With states that have the same endings made one: bottom-up (Revuz 1992), or by refinement of a cyclic one."""
    leaving: list[list[tuple[Label, int]]] = [[] for _ in range(machine.size)]
    for source, label, target in machine.arcs:
        leaving[source].append((label, target))
    order = _bottom_up(leaving)
    first = _refined(machine, leaving) if order is None else _same_endings(machine, leaving, order)
    number = {state: at for at, state in enumerate(sorted(set(first.values()) - {first[0]}), 1)} | {first[0]: 0}
    arcs = [(number[s], label, number[first[t]]) for s in number for label, t in leaving[s]]
    return _Machine(list(dict.fromkeys(arcs)), [], {number[s] for s in number if s in machine.finals}, len(number))


def _same_endings(
    machine: _Machine, leaving: Sequence[Sequence[tuple[Label, int]]], order: Sequence[int]
) -> dict[int, int]:
    """Of each state that is reached, the first one with the same endings."""
    same: dict[tuple[bool, frozenset[tuple[Label, int]]], int] = {}
    first: dict[int, int] = {}
    for state in order:
        key = state in machine.finals, frozenset((label, first[target]) for label, target in leaving[state])
        first[state] = same.setdefault(key, state)
    return first


def _refined(machine: _Machine, leaving: Sequence[Sequence[tuple[Label, int]]]) -> dict[int, int]:
    """The same by splitting sets of states until all in a set lead to the same sets (Moore 1956).

    The start stays alone, so that nothing leads back to it.
    """
    part = [2 if state == 0 else int(state in machine.finals) for state in range(machine.size)]
    while True:
        keys = [
            (part[state], frozenset((label, part[target]) for label, target in leaving[state]))
            for state in range(machine.size)
        ]
        number: dict[object, int] = {}
        finer = [number.setdefault(key, len(number)) for key in keys]
        if len(number) == len(set(part)):
            break
        part = finer
    first: dict[int, int] = {}
    for state, at in enumerate(part):
        first.setdefault(at, state)
    return {state: first[at] for state, at in enumerate(part)}


def _bottom_up(leaving: Sequence[Sequence[tuple[Label, int]]]) -> list[int] | None:
    """The states that are reached, each after all that follow it; None where there is a circle."""
    order, open_states, done = list[int](), {0}, set[int]()
    stack = [(0, iter(leaving[0]))]
    while stack:
        state, rest = stack[-1]
        step = next(rest, None)
        if step is None:
            stack.pop()
            open_states.discard(state)
            done.add(state)
            order.append(state)
        elif step[1] in open_states:
            return None
        elif step[1] not in done:
            open_states.add(step[1])
            stack.append((step[1], iter(leaving[step[1]])))
    return order


Pair = tuple[int, int, bool]


def _refuse_ambiguous(machine: _Machine, source: str) -> None:
    """Makes sure that no sentence has two meanings.

    Raises:
        DataError: one has; names it and both.
    """
    leaving: list[dict[str, list[tuple[tuple[Tag, ...], int]]]] = [{} for _ in range(machine.size)]
    for begin, (word, tags), target in machine.arcs:
        leaving[begin].setdefault(word, []).append((tags, target))
    start: Pair = (0, 0, False)
    came: dict[Pair, tuple[Pair, str, tuple[Tag, ...], tuple[Tag, ...]] | None] = {start: None}
    queue = deque([start])
    while queue and len(came) < MAX_PAIRS:
        pair = queue.popleft()
        one, other, differ = pair
        if differ and one in machine.finals and other in machine.finals:
            _compare(pair, came, source)
        for word, steps in leaving[one].items():
            for tags, target in steps:
                for other_tags, other_target in leaving[other].get(word, ()):
                    following = (target, other_target, differ or tags != other_tags)
                    if following not in came:
                        came[following] = (pair, word, tags, other_tags)
                        queue.append(following)


def _compare(
    pair: Pair, came: dict[Pair, tuple[Pair, str, tuple[Tag, ...], tuple[Tag, ...]] | None], source: str
) -> None:
    words, one, other = list[str](), list[Tag](), list[Tag]()
    while (step := came[pair]) is not None:
        pair, word, tags, other_tags = step
        words.insert(0, word)
        one += tags
        other += other_tags
    if sorted(one) != sorted(other):
        meanings = " or ".join(sorted({_described(one), _described(other)}))
        raise DataError(
            f"{source}: {' '.join(words)!r} means two things: {meanings}. Change one of the sentences, or slots that "
            "share values."
        )


def _described(tags: Iterable[Tag]) -> str:
    return ", ".join(f"{slot or 'intent'} {value!r}" for slot, value in sorted(tags)) or "nothing"
