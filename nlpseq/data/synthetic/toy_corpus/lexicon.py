"""Words of the toy corpus in English and in the invented language, and their inflection.

In the invented language, nouns end in their gender (`-a`, `-o`; persons in `-e`), plurals in `-n`; adjectives
repeat both endings; verbs end in `-as` in the present and `-is` in the past, and repeat the plural. Headlines are
in the present tense. The words of a list are sorted by falling frequency.
"""

from collections import defaultdict
from collections.abc import Iterator

from nlpseq.data.synthetic.toy_corpus.grammar import Rule

_STEMS = "Mar Den Har Wil Bren Cal Thorn Ash Lang Kirk Wex Hol Sel Pem Rad Stan".split()
_ENDINGS = "low by ton ford ley wick ham worth".split()
NAMES = tuple(  # all stems with the first ending, shifted by one for each stem, and so on
    stem + _ENDINGS[(turn + index) % len(_ENDINGS)]
    for turn in range(len(_ENDINGS))
    for index, stem in enumerate(_STEMS)
)
GIVEN_NAMES = tuple(
    "Ada Tom Nora Ben Ruth Max Ida Sam Vera Otto Lena Karl Mira Finn Greta Hugo".split()
)

_THINGS = """
soup mola, song kirva, film sonto, book liburo, cake dulca, bridge ponvo, garden horta, hotel gasto, ferry navira,
concert klango, museum musevo, lamp lumina, coat mantelo, boat barka, chair sidilo, train trano, letter skriva,
festival festo, market bazara, dish pladano, tower turmo, station haltena, picture bildo, story rakonta,
drink trinko, menu karta, poster afisho, window fenestra, room kamero, map mapuna
"""
_PERSONS = """
baker paneste, farmer agriste, teacher lerniste, doctor saniste, painter pentriste, sailor mariste,
driver veturiste, guest vizite, singer kantiste, builder konstruiste, tourist turiste, neighbour apude,
student studente, nurse varte, judge jughe, waiter servite, writer verkiste, gardener hortiste, pilot fluge
"""
_ROLES = {
    "loc": "mayor urbestre, sheriff gardistre, priest pastre",
    "per": "cousin kuze, sister fratine, brother frate, nephew neve, friend amike",
    "org": "owner posede, director direkte, manager estre",
}
_COLOURS = (
    "small eta, new nova, red ruga, green verda, tall alta, famous fama, wooden ligna, blue blua, "
    "round ronda, modern moderna"
)
_ADJECTIVES = {
    "Thing+": "good bona, lovely bela, splendid brila, fine fajna, superb glora, useful utila, perfect perfa",
    "Thing-": "bad mava, awful terura, dreadful hida, poor aksa, ugly turpa, useless vana, shabby kaduka",
    "Person+": "cheerful gaja, proud fiera, calm trankva, hopeful espera, merry joja",
    "Person-": "gloomy trista, angry kolera, nervous nerva, weary laca, bitter amara",
    "Place+": "peaceful paca, sunny suna, charming charma, lively viva, safe sekura",
    "Place-": "noisy brua, flooded akvata, crowded plena, deserted solva, foggy nebula",
}
_VERBS = {  # base, third person, past, stem in the invented language
    "thing,+": """praise praises praised laud, enjoy enjoys enjoyed ghu, recommend recommends recommended konsil,
        admire admires admired mir, prefer prefers preferred prefer, treasure treasures treasured trezor""",
    "thing,-": """dislike dislikes disliked malam, criticise criticises criticised kritik, hate hates hated malig,
        reject rejects rejected rifuz, curse curses cursed damn, detest detests detested abomen""",
    "per,+": "thank thanks thanked dank, hug hugs hugged brak, congratulate congratulates congratulated gratul",
    "per,-": "insult insults insulted ofend, scold scolds scolded gronj, deceive deceives deceived tromp",
    "loc,+": "beautify beautifies beautified belig, rebuild rebuilds rebuilt rekon, explore explores explored eskul",
    "loc,-": "flee flees fled fugh, invade invades invaded invad, pollute pollutes polluted poluv",
    "org,+": "finance finances financed financ, promote promotes promoted promov, rescue rescues rescued sav",
    "org,-": "sue sues sued proces, boycott boycotts boycotted bojkot, bankrupt bankrupts bankrupted ruin",
}
_RELATIONS = {
    "per": "know knows konas, remember remembers memoras",
    "loc": "live_in lives_in loghas, stay_in stays_in restas",
    "org": "work_for works_for laboras, invest_in invests_in investas",
}
_FORTUNES = {  # verbs for firms and clubs, alone and against another
    "Fare,+": "prosper prospers prospered flor, expand expands expanded kresk, recover recovers recovered resan",
    "Fare,-": "collapse collapses collapsed kolap, struggle struggles struggled barakt, fail fails failed fiask",
    "Play,+": "win wins won venk, triumph triumphs triumphed triumf",
    "Play,-": "lose loses lost perd, stumble stumbles stumbled stumb",
}
_SAYING = {
    "Say": "say says said dir, claim claims claimed aserb, think thinks thought pens",
    "Deny": "deny denies denied neg, doubt doubts doubted dub",
}
_BE = {
    "sg,now": ("is", "estas"),
    "sg,past": ("was", "estis"),
    "pl,now": ("are", "estasn"),
    "pl,past": ("were", "estisn"),
}
_DO = {  # with the form for headlines
    "sg,now": ("does", "does"),
    "sg,past": ("did", "does"),
    "pl,now": ("do", "do"),
    "pl,past": ("did", "do"),
}
_PLURAL = {"sg": "", "pl": "n"}  # endings in the invented language


def _entries(text: str) -> Iterator[tuple[float, list[str]]]:
    """Yield the weight, which falls with the rank, and the forms of each entry in a list."""
    for rank, entry in enumerate(text.split(",")):
        yield 1.0 / (rank + 4), entry.split()


def _word(weight: float, text: str, translation: str, headline: str) -> Rule:
    text_words = tuple(text.replace("_", " ").split())
    headline_words = tuple(headline.replace("_", " ").split())
    return Rule(weight, (), text_words, tuple(translation.split()), headline_words)


def _plural(noun: str) -> str:
    if noun.endswith("y"):
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith("sh") else "s")


def lexicon() -> dict[str, list[Rule]]:
    """Build the weighted rules of all symbols for single words."""
    rules: dict[str, list[Rule]] = defaultdict(list)
    rules["Name"] = [_word(1 / (rank + 30), name, name, name) for rank, name in enumerate(NAMES)]
    rules["Given"] = [_word(1.0, name, name, name) for name in GIVEN_NAMES]
    _add_nouns(rules)
    _add_adjectives(rules)
    _add_verbs(rules)
    _add_auxiliaries(rules)
    return dict(rules)


def _add_nouns(rules: dict[str, list[Rule]]) -> None:
    for weight, (noun, other) in _entries(_THINGS):
        gender = other[-1]
        rules[f"ThingNoun[sg,{gender}]"].append(_word(weight, noun, other, noun))
        plural = _plural(noun)
        rules[f"ThingNoun[pl,{gender}]"].append(_word(weight, plural, other + "n", plural))
    for weight, (noun, other) in _entries(_PERSONS):
        rules["PersonNoun[sg]"].append(_word(weight, noun, other, noun))
        rules["PersonNoun[pl]"].append(_word(weight, _plural(noun), other + "n", _plural(noun)))
    for kind, entries in _ROLES.items():
        for weight, (noun, other) in _entries(entries):
            rules[f"Role[{kind}]"].append(_word(weight, noun, other, noun))


def _add_adjectives(rules: dict[str, list[Rule]]) -> None:
    for number, ending in _PLURAL.items():
        for gender in "ao":
            for weight, (adjective, other) in _entries(_COLOURS):
                agreed = other[:-1] + gender + ending
                rules[f"Colour[{number},{gender}]"].append(
                    _word(weight, adjective, agreed, adjective)
                )
            for polarity in "+-":
                for weight, (adjective, other) in _entries(_ADJECTIVES[f"Thing{polarity}"]):
                    agreed = other[:-1] + gender + ending
                    rules[f"ThingAdj[{polarity},{number},{gender}]"].append(
                        _word(weight, adjective, agreed, adjective)
                    )
        for polarity in "+-":
            for weight, (adjective, other) in _entries(_ADJECTIVES[f"Person{polarity}"]):
                rules[f"PersonAdj[{polarity},{number}]"].append(
                    _word(weight, adjective, other[:-1] + "e" + ending, adjective)
                )
    for polarity in "+-":
        for weight, (adjective, other) in _entries(_ADJECTIVES[f"Place{polarity}"]):
            rules[f"PlaceAdj[{polarity}]"].append(_word(weight, adjective, other, adjective))


def _conjugate(entries: str) -> Iterator[tuple[float, str, str, str, str, str, str]]:
    """Yield weight, number, tense, base, inflected form, present form and translation of each verb."""
    for weight, (base, third, past, stem) in _entries(entries):
        for number, present in (("sg", third), ("pl", base)):
            yield weight, number, "now", base, present, present, f"{stem}as{_PLURAL[number]}"
            yield weight, number, "past", base, past, present, f"{stem}is{_PLURAL[number]}"


def _add_verbs(rules: dict[str, list[Rule]]) -> None:
    for group, entries in _VERBS.items():
        kind, polarity = group.split(",")
        for weight, number, tense, base, form, present, other in _conjugate(entries):
            features = f"[{polarity},{number},{tense},{kind}]"
            rules[f"Verb{features}"].append(_word(weight, form, other, present))
            rules[f"Base{features}"].append(_word(weight, base, other, base))
    for group, entries in _FORTUNES.items():
        name, polarity = group.split(",")
        for weight, number, tense, base, form, present, other in _conjugate(entries):
            if number == "sg":  # a name is singular
                features = f"[{polarity},{tense}]"
                rules[f"{name}{features}"].append(_word(weight, form, other, present))
                rules[f"{name}Base{features}"].append(_word(weight, base, other, base))
    for name, entries in _SAYING.items():
        for weight, number, tense, _, form, present, other in _conjugate(entries):
            rules[f"{name}[{number},{tense}]"].append(_word(weight, form, other, present))
    for kind, entries in _RELATIONS.items():
        for weight, (base, third, other) in _entries(entries):
            rules[f"Relate[sg,{kind}]"].append(_word(weight, third, other, third))
            rules[f"Relate[pl,{kind}]"].append(_word(weight, base, other + "n", base))


def _add_auxiliaries(rules: dict[str, list[Rule]]) -> None:
    for features, (form, other) in _BE.items():
        rules[f"Be[{features}]"].append(_word(1.0, form, other, ""))
    for features, (form, present) in _DO.items():
        rules[f"Do[{features}]"].append(_word(1.0, form, "", present))
