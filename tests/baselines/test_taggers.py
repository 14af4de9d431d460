"""The taggers learn a tiny grammar; the CRF uses spelling and neighbours."""

import gc

from nlpseq.baselines.taggers import FeatureCRF, MostFrequentTag, word_features

SENTENCES = [
    ["in", "Paris", "lives", "Ann"],
    ["Ann", "left"],
    ["Mr", "Paris", "left"],
    ["in", "Rome"],
    ["in", "Oslo", "we", "met", "Mr", "Lee"],
] * 4
TAGS = [
    ["O", "B-LOC", "O", "B-PER"],
    ["B-PER", "O"],
    ["O", "B-PER", "O"],
    ["O", "B-LOC"],
    ["O", "B-LOC", "O", "O", "O", "B-PER"],
] * 4


def test_the_most_frequent_tag_of_a_word() -> None:
    model = MostFrequentTag().fit(SENTENCES[:2], TAGS[:2])
    assert model.predict([["Paris", "met", "Ann"], []]) == [["B-LOC", "O", "B-PER"], []]


def test_the_crf_reads_neighbours_of_unknown_words() -> None:
    model = FeatureCRF().fit([*SENTENCES, []], [*TAGS, []])
    gc.collect()
    junk = [bytes(50_000) for _ in range(50)]  # CRFsuite reads the model in place: it must live on
    assert model.predict([["in", "Bonn"], ["Mr", "Bonn", "left"], []]) == [
        ["O", "B-LOC"],
        ["O", "B-PER", "O"],
        [],
    ]
    assert len(junk) == 50


def test_features_say_spelling_and_neighbours() -> None:
    first, second = word_features(["Paris", "2010-12"])
    assert {"w=paris", "shape=Xx", "p1=p", "s3=ris", "+1:w=2010-12", "+1:shape=d-d"} <= {*first}
    assert {"first", "-1:shape=Xx"} & {*second} == {"-1:shape=Xx"}
    assert "last" in second
