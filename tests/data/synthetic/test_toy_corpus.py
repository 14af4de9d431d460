"""The toy corpus: exact probabilities, unambiguous sentences, and tasks that a bag of words cannot solve."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from statistics import fmean, stdev

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.data.synthetic import toy_corpus
from nlpseq.data.synthetic.toy_corpus.annotations import TOPICS
from nlpseq.data.synthetic.toy_corpus.grammar import Grammar, Rule
from nlpseq.data.synthetic.toy_corpus.lexicon import GIVEN_NAMES, NAMES
from nlpseq.data.synthetic.toy_corpus.notation import normalise, read_rules
from nlpseq.data.synthetic.toy_corpus.world import GRAMMAR
from nlpseq.errors import UserError

ALL_NAMES = {*NAMES, *GIVEN_NAMES}
SIZES = {"train": 1500, "validation": 300, "test": 600}


@pytest.fixture(scope="module")
def examples() -> list[toy_corpus.Example]:
    return toy_corpus.sample(5000, seed=7)


def uncapitalised(tokens: tuple[str, ...]) -> list[str]:
    first = tokens[0] if tokens[0] in ALL_NAMES | {"Port"} else tokens[0].lower()
    return [first, *tokens[1:]]


# ---- Unambiguity


def one_word_a_class(grammar: Grammar) -> Grammar:
    """Replace all words that are rules of the same symbols by one word, which does not change ambiguity."""
    symbols: dict[str, set[str]] = defaultdict(set)
    inside_longer = set()
    for symbol, rules in grammar.rules.items():
        for rule in rules:
            if len(rule.text) == 1 and not rule.children:
                symbols[str(rule.text[0])].add(symbol)
            else:
                inside_longer |= {item for item in rule.text if isinstance(item, str)}
    delegates: dict[frozenset[str], str] = {}
    stand_in = {
        word: word if word in inside_longer else delegates.setdefault(frozenset(where), word)
        for word, where in symbols.items()
    }
    collapsed = {}
    for symbol, rules in grammar.rules.items():
        merged: dict[tuple[object, ...], Rule] = {}
        for rule in rules:
            text = tuple(stand_in.get(i, i) if isinstance(i, str) else i for i in rule.text)
            known = merged.get((text, rule.children))
            probability = rule.probability + (known.probability if known else 0.0)
            merged[text, rule.children] = replace(rule, text=text, probability=probability)
        collapsed[symbol] = list(merged.values())
    return Grammar(grammar.start, collapsed)


def expand(grammar: Grammar, stack: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Rewrite the leftmost symbol until a word is first; yield the word and the remaining symbols."""
    head, *rest = stack
    if head not in grammar.rules:
        yield head, tuple(rest)
        return
    for rule in grammar.rules[head]:
        items = [i if isinstance(i, str) else rule.children[i] for i in rule.text]
        yield from expand(grammar, (*items, *rest))


def ambiguous_prefix(grammar: Grammar) -> list[str] | None:
    """Determinise the grammar; two paths from a prefix to the same continuation are an ambiguity.

    Every continuation can be completed and the language is finite, so None is a proof of unambiguity.
    """
    cached = cache(lambda stack: tuple(expand(grammar, stack)))
    agenda: list[tuple[frozenset[tuple[str, ...]], list[str]]] = [
        (frozenset({(grammar.start,)}), [])
    ]
    seen = set()
    while agenda:
        stacks, prefix = agenda.pop()
        if stacks in seen:
            continue
        seen.add(stacks)
        routes = [route for stack in stacks if stack for route in cached(stack)]
        following: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for word, rest in routes:
            if rest in following[word]:
                return [*prefix, word]
            following[word].add(rest)
        agenda.extend((frozenset(rests), [*prefix, word]) for word, rests in following.items())
    return None


def test_every_string_has_one_derivation() -> None:
    for symbol, rules in GRAMMAR.rules.items():
        texts = [(rule.text, rule.children) for rule in rules]
        assert len(set(texts)) == len(texts), symbol
    assert not GRAMMAR.words & GRAMMAR.rules.keys()
    assert ambiguous_prefix(one_word_a_class(GRAMMAR)) is None


def test_the_proof_of_unambiguity_finds_an_ambiguity() -> None:
    rules = "S 1 = A B c | |\nA 1 = a | |\nA 1 = a b | |\nB 1 = b d | |\nB 1 = d | |"
    assert ambiguous_prefix(Grammar("S", normalise(read_rules(rules)))) == ["a", "b", "d"]


def strings(
    grammar: Grammar, stack: tuple[str, ...], room: int
) -> Iterator[tuple[tuple[str, ...], float]]:
    """Enumerate all derivations of at most `room` words with their probabilities."""
    if len(stack) > room:
        return
    if not stack:
        yield (), 1.0
        return
    head, *rest = stack
    if head not in grammar.rules:
        for words, probability in strings(grammar, tuple(rest), room - 1):
            yield (head, *words), probability
        return
    for rule in grammar.rules[head]:
        items = [i if isinstance(i, str) else rule.children[i] for i in rule.text]
        for words, probability in strings(grammar, (*items, *rest), room):
            yield words, rule.probability * probability


def length_distribution(grammar: Grammar, longest: int) -> list[float]:
    """Compute the probability of each length from the rules alone."""

    @cache
    def lengths(symbol: str) -> tuple[float, ...]:
        total = [0.0] * (longest + 1)
        for rule in grammar.rules[symbol]:
            words = len(rule.text) - len(rule.children)
            product = [rule.probability if n == words else 0.0 for n in range(longest + 1)]
            for child in map(lengths, rule.children):
                product = [
                    sum(product[i] * child[n - i] for i in range(n + 1)) for n in range(longest + 1)
                ]
            total = [a + b for a, b in zip(total, product, strict=True)]
        return tuple(total)

    return list(lengths(grammar.start))


def test_short_strings_enumerated() -> None:
    grammar = one_word_a_class(GRAMMAR)
    longest = 6
    found = list(strings(grammar, (grammar.start,), longest))
    assert len(found) > 1000
    assert len({words for words, _ in found}) == len(found)
    by_length: Counter[int] = Counter()
    for words, probability in found:
        by_length[len(words)] += probability
    assert min(by_length) == 4
    expected = length_distribution(grammar, longest)
    assert [by_length[n] for n in range(longest + 1)] == pytest.approx(expected, rel=1e-9)
    for words, probability in found[:: len(found) // 200]:
        assert grammar.probability(words) == pytest.approx(probability, rel=1e-9)


def test_capitals_lose_nothing() -> None:
    capitalised = [word[0].upper() + word[1:] for word in GRAMMAR.first_words]
    assert len(set(capitalised)) == len(capitalised)
    assert {c for c, w in zip(capitalised, GRAMMAR.first_words, strict=True) if c == w} == {
        *ALL_NAMES,
        "Port",
    }


# ---- Probabilities


def test_rules_are_distributions() -> None:
    for symbol, rules in GRAMMAR.rules.items():
        assert math.fsum(rule.probability for rule in rules) == pytest.approx(1.0), symbol
        for rule in rules:
            places = [item for item in rule.text if not isinstance(item, str)]
            assert places == list(range(len(rule.children))), symbol
            assert rule.text, symbol


def test_entropy_and_length_against_a_sample(examples: list[toy_corpus.Example]) -> None:
    surprises = [-example.log_probability for example in examples]
    lengths = [len(example.tokens) + 1 for example in examples]
    root = math.sqrt(len(examples))
    assert abs(fmean(surprises) - toy_corpus.entropy()) < 4 * stdev(surprises) / root
    assert abs(fmean(lengths) - toy_corpus.expected_length()) < 4 * stdev(lengths) / root
    assert stdev(surprises) / root < 0.01 * toy_corpus.entropy()
    by_length = length_distribution(GRAMMAR, 40)
    assert sum(by_length) == pytest.approx(1.0)
    mean = sum(n * p for n, p in enumerate(by_length))
    assert toy_corpus.expected_length() == pytest.approx(mean + 1)


def test_size_of_the_world(examples: list[toy_corpus.Example]) -> None:
    floor = math.exp(toy_corpus.entropy() / toy_corpus.expected_length())
    assert 6 < floor < 15
    assert 300 < len(toy_corpus.VOCABULARY) < 600
    assert min(len(example.tokens) for example in examples) == 4
    assert sorted(len(example.tokens) for example in examples)[int(0.95 * len(examples))] <= 21


def test_parser_agrees_with_derivation(examples: list[toy_corpus.Example]) -> None:
    for example in examples[:400]:
        computed = toy_corpus.log_probability(example.tokens)
        assert computed == pytest.approx(example.log_probability, rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), place=st.integers(0, 30), word=st.sampled_from(GIVEN_NAMES))
def test_a_given_name_precedes_a_name(seed: int, place: int, word: str) -> None:
    [example] = toy_corpus.sample(1, seed)
    place %= len(example.tokens)
    tokens = [*example.tokens[:place], word, *example.tokens[place:]]
    if tokens[place + 1] not in NAMES:
        assert toy_corpus.log_probability(tokens) == -math.inf


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (
            "The baker who knows the farmers praises the soup .",
            "The baker who knows the farmers praise the soup .",
        ),
        (
            "The bakers who live in Marlow do not praise these soups .",
            "The bakers who live in Marlow does not praise these soups .",
        ),
        (
            "The soup was good , but the cakes were bad .",
            "The soup was good , but the cakes were good .",
        ),
        ("Marlow is peaceful .", "marlow is peaceful ."),
        ("The soup is good .", "the soup is good ."),
        ("The soup is good .", "The soup is good"),
        ("The soup is good .", "The soup is good . ."),
        ("The soup is good .", "The pudding is good ."),
        ("The soup is good .", ""),
    ],
)
def test_bad_sentences_have_probability_zero(good: str, bad: str) -> None:
    assert math.isfinite(toy_corpus.log_probability(good.split()))
    assert toy_corpus.log_probability(bad.split()) == -math.inf


# ---- Examples

SAMPLE_0 = toy_corpus.Example(
    tokens=tuple(
        "These doctors did not rebuild Kirkworth , although some guests do not detest this song near "
        "Stanton Bay .".split()
    ),
    tags=tuple("O O O O O B-LOC O O O O O O O O O O B-LOC I-LOC O".split()),
    parts_of_speech=tuple("DT NNS VBD RB VB NNP , IN DT NNS VBP RB VB DT NN IN NNP NNP .".split()),
    sentiment="negative",
    translation=tuple(
        "Tel viziten unen ni Stanton Golfo apud kirva hil ta abomenasn nai , sanisten hilen ni "
        "Kirkworth ta rekonisn nai .".split()
    ),
    headline=tuple("Doctors do not rebuild Kirkworth".split()),
    log_probability=-46.432857763667485,
    rating=2.58,
    topics=("occupation", "place", "thing"),
)
SAMPLE_1 = "Many gardeners who stay in Brenby beautify Selwick ."


def test_exact_sample() -> None:
    first, second = toy_corpus.sample(2, seed=0)
    assert replace(first, log_probability=0.0) == replace(SAMPLE_0, log_probability=0.0)
    assert first.log_probability == pytest.approx(SAMPLE_0.log_probability, rel=1e-12)
    assert second.text == SAMPLE_1
    assert toy_corpus.sample(50, 3) == toy_corpus.sample(50, 3) != toy_corpus.sample(50, 4)
    assert toy_corpus.sample(0, 0) == []


def test_tags_align(examples: list[toy_corpus.Example]) -> None:
    kinds: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        assert len(example.tags) == len(example.tokens)
        for token, tag in zip(example.tokens, example.tags, strict=True):
            assert (token in NAMES or token in GIVEN_NAMES) <= (tag != "O")
            if token in NAMES:
                kinds[token].add(tag[2:])
        for before, tag in pairwise(("O", *example.tags)):
            assert not tag.startswith("I-") or before[1:] == tag[1:]
    common = [kinds[name] for name in NAMES[:40]]
    assert all(found == {"PER", "LOC", "ORG"} for found in common)


def test_labels_follow_from_the_text(examples: list[toy_corpus.Example]) -> None:
    of_label = {
        "positive": Grammar("Sentence[+]", GRAMMAR.rules),
        "negative": Grammar("Sentence[-]", GRAMMAR.rules),
    }
    for example in examples[:200]:
        words = uncapitalised(example.tokens)
        possible = [label for label, grammar in of_label.items() if grammar.probability(words)]
        assert possible == [example.sentiment]
    share = fmean(example.sentiment == "positive" for example in examples)
    assert 0.45 < share < 0.55


def test_translation_and_headline_follow_from_the_text(examples: list[toy_corpus.Example]) -> None:
    sides: dict[str, set[tuple[tuple[str, ...], ...]]] = defaultdict(set)
    for example in examples:
        sides[example.text].add((example.translation, example.headline))
        names = Counter(token for token in example.tokens if token in ALL_NAMES)
        assert Counter(token for token in example.translation if token in ALL_NAMES) == names
        assert example.translation[-1] == "."
        assert 1 < len(example.headline) <= len(example.tokens)
    assert all(len(found) == 1 for found in sides.values())
    assert len(sides) < len(examples)  # some sentences occur twice


def test_vocabulary_is_closed_and_reached() -> None:
    rows = toy_corpus.draw_splits("text", {"train": 8000}, seed=1)["train"]
    words = {word for row in rows for word in row["text"].split()}
    assert words <= set(toy_corpus.VOCABULARY)
    assert len(words) > 0.99 * len(toy_corpus.VOCABULARY)
    assert list(toy_corpus.VOCABULARY) == sorted(set(toy_corpus.VOCABULARY))


# ---- Splits


def test_splits_are_disjoint() -> None:
    splits = toy_corpus.draw_splits("entities", SIZES, seed=5)
    assert {name: len(rows) for name, rows in splits.items()} == SIZES
    texts = {name: [text_of(row) for row in rows] for name, rows in splits.items()}
    assert not set(texts["test"]) & set(texts["train"])
    assert not set(texts["test"]) & set(texts["validation"])
    assert not set(texts["validation"]) & set(texts["train"])
    names = {name: used_names(found) for name, found in texts.items()}
    assert not names["train"].keys() & splits.unseen_names
    assert len(splits.unseen_names) == len(ALL_NAMES) / 2
    unseen = names["test"].keys() - names["train"].keys()
    assert abs(len(unseen) / len(names["test"]) - 0.5) < 0.05
    tokens = sum(names["test"][name] for name in unseen) / names["test"].total()
    assert 0.4 < tokens < 0.6


def test_a_sentence_seen_in_train_is_drawn_again() -> None:
    sizes = {"train": 4000, "test": 3000}
    splits = toy_corpus.draw_splits("sentiment", sizes, seed=0)
    train, test = ({text_of(row) for row in splits[name]} for name in sizes)
    assert splits.rejected > 0
    assert not train & test


def text_of(row: toy_corpus.views.Row) -> str:
    return " ".join(row["tokens"]) if "tokens" in row else row.get("text", row.get("source"))


def used_names(texts: list[str]) -> Counter[str]:
    return Counter(word for text in texts for word in text.split() if word in ALL_NAMES)


def test_views_show_one_world() -> None:
    sizes = {"train": 20, "test": 10}
    views = {view: toy_corpus.draw_splits(view, sizes, seed=2) for view in toy_corpus.VIEWS}
    assert set(views["sentiment"]["test"][0]) == {"text", "label"}
    assert set(views["entities"]["test"][0]) == {"tokens", "tags"}
    for split in sizes:
        labelled = [text_of(row) for row in views["sentiment"][split]]
        for view in (
            "entities",
            "parts_of_speech",
            "rating",
            "topics",
            "translation",
            "headline",
        ):
            assert [text_of(row) for row in views[view][split]] == labelled


def test_ratings_and_topics_follow_from_the_text() -> None:
    rows = toy_corpus.draw_splits("rating", {"train": 3000}, seed=1)["train"]
    rated = {row["text"]: row["number"] for row in rows}
    assert 1 <= min(rated.values()) < max(rated.values()) <= 5
    of_clause = {"is": 1.2, "is very": 1.8, "is quite": 0.9, "is not": 0.6, "is never": 0.9}
    seen = set()
    for text, number in rated.items():
        words = text.split()
        if "is" not in words or "," in words or "that" in words:
            continue
        degree = next((w for w in words if w in ("very", "quite", "not", "never")), "")
        expected = of_clause[f"is {degree}".strip()]
        assert abs(number - 3) == pytest.approx(expected)
        seen.add(degree)
    assert seen == {"", "very", "quite", "not", "never"}
    sentiment = toy_corpus.draw_splits("sentiment", {"train": 3000}, seed=1)["train"]
    assert [row["number"] > 3 for row in rows] == [row["label"] == "positive" for row in sentiment]
    labelled = toy_corpus.draw_splits("topics", {"train": 3000}, seed=1)["train"]
    entities = toy_corpus.draw_splits("entities", {"train": 3000}, seed=1)["train"]
    kinds = {"person": "B-PER", "place": "B-LOC", "firm": "B-ORG"}
    for row, tagged in zip(labelled, entities, strict=True):
        assert {kind for kind in row["labels"] if kind in kinds} == {
            kind for kind, tag in kinds.items() if tag in tagged["tags"]
        }
    assert {label for row in labelled for label in row["labels"]} == set(TOPICS)


def test_parts_of_speech_follow_from_the_derivation() -> None:
    rows = toy_corpus.draw_splits("parts_of_speech", {"train": 3000}, seed=0)["train"]
    tags_of = defaultdict(set)
    for row in rows:
        assert len(row["tokens"]) == len(row["tags"])
        assert row["tags"][-1] == "."
        for word, tag in zip(row["tokens"], row["tags"], strict=True):
            tags_of[word].add(tag)
    assert {tag for tags in tags_of.values() for tag in tags} == set(
        ". , CC DT IN JJ NN NNP NNS RB VB VBD VBN VBP VBZ WP".split()
    )
    assert {tuple(sorted(tags)) for tags in tags_of.values() if len(tags) > 1} == {("VB", "VBP")}
    for word, tag in (("bakers", "NNS"), ("soup", "NN"), ("who", "WP"), ("praises", "VBZ")):
        assert tags_of[word] == {tag}
    assert all(tags_of[name] == {"NNP"} for name in ALL_NAMES if name in tags_of)
    for row in rows:  # a verb after `not` is a base form, unless `be` stands before it
        for before, negation, tag in zip(
            row["tokens"], row["tokens"][1:], row["tags"][2:], strict=False
        ):
            if negation == "not" and before in ("do", "does", "did"):
                assert tag == "VB"


def test_text_view_is_an_independent_sample() -> None:
    splits = toy_corpus.draw_splits("text", {"test": 2000, "train": 100}, seed=3)
    assert list(splits) == ["train", "test"]
    assert (splits.rejected, splits.unseen_names) == (0, frozenset())
    rows = splits["test"]
    for row in rows[:50]:
        assert set(row) == {"text", "log_probability"}
        expected = toy_corpus.log_probability(row["text"].split())
        assert row["log_probability"] == pytest.approx(expected, rel=1e-9)
    surprises = [-row["log_probability"] for row in rows]
    error = stdev(surprises) / math.sqrt(len(rows))
    assert abs(fmean(surprises) - toy_corpus.entropy()) < 4 * error
    assert rows == toy_corpus.draw_splits("text", {"test": 2000}, seed=3)["test"]
    assert rows != toy_corpus.draw_splits("text", {"test": 2000}, seed=4)["test"]


def test_bad_requests() -> None:
    with pytest.raises(UserError, match="no view 'speech'; it has text, sentiment"):
        toy_corpus.draw_splits("speech", SIZES, seed=0)
    with pytest.raises(UserError, match="'train' .* -1 rows"):
        toy_corpus.draw_splits("text", {"train": -1}, seed=0)


@pytest.mark.parametrize("line", ["Text = a | |", "Text 1 = a | b", "Text 1 a | |"])
def test_bad_notation(line: str) -> None:
    with pytest.raises(ValueError, match="not a rule"):
        read_rules(line)


# ---- Difficulty


def test_a_bag_of_words_does_not_solve_sentiment() -> None:
    torch.manual_seed(0)
    splits = toy_corpus.draw_splits("sentiment", {"train": 3000, "test": 1000}, seed=0)
    column = {word: place for place, word in enumerate(toy_corpus.VOCABULARY)}

    def bags(name: str) -> tuple[torch.Tensor, torch.Tensor]:
        counts = torch.zeros(len(splits[name]), len(column))
        for place, row in enumerate(splits[name]):
            for word in row["text"].split():
                counts[place, column[word]] += 1.0
        labels = torch.tensor([float(row["label"] == "positive") for row in splits[name]])
        return counts, labels

    (train, labels), (test, truth) = bags("train"), bags("test")
    for hidden_size in (0, 64):
        model = (
            torch.nn.Sequential(
                torch.nn.Linear(len(column), hidden_size),
                torch.nn.ReLU(),
                torch.nn.Linear(hidden_size, 1),
            )
            if hidden_size
            else torch.nn.Linear(len(column), 1)
        )
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        best = 0.0
        for _ in range(40):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                model(train).squeeze(1), labels
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right = (model(test).squeeze(1) > 0) == (truth > 0)
            best = max(best, right.float().mean().item())
        assert best < 0.75, hidden_size
        fitted = ((model(train).squeeze(1) > 0) == (labels > 0)).float().mean().item()
        assert fitted > 0.6, hidden_size  # the classifier did learn from train


def test_a_name_alone_does_not_reveal_its_kind(examples: list[toy_corpus.Example]) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        for token, tag in zip(example.tokens, example.tags, strict=True):
            counts[token][tag] += 1
    right = sum(counts[name].most_common(1)[0][1] for name in NAMES)
    assert right / sum(counts[name].total() for name in NAMES) < 0.6
