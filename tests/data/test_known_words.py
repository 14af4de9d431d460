"""Words of train as hashes."""

from hypothesis import given
from hypothesis import strategies as st

from nlpseq.data.known_words import KnownWords

words = st.lists(st.text(max_size=6), max_size=30)


@given(st.lists(words, max_size=4), words)
def test_known_words_are_those_of_train(train: list[list[str]], asked: list[str]) -> None:
    learnt = KnownWords.learn(train)
    known = {word for row in train for word in row}
    for found in (learnt, KnownWords.load(learnt.state())):
        assert found.unknown(asked) == [word not in known for word in asked]
        assert len(found) == len(known)


def test_the_state_has_five_characters_for_each_word() -> None:
    assert len(KnownWords.learn([[str(number) for number in range(100)]]).state()) == 500
    assert KnownWords.learn([]).state() == ""
