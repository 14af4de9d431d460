"""The rules of the toy corpus: sentences on people, towns, firms and things.

Every sentence is positive or negative. The main clause decides: a concession ("although ...", "..., but") has
the opposite sentiment in the same kinds of words, so a bag of words does not determine the label. People, towns
and firms share one pool of names; only the words around a name, sometimes several words later, determine its
type. Verbs agree with their subject across relative clauses.

The invented language puts verbs last, adjectives after nouns, negations after verbs, relative clauses before
nouns, and concessions first. It marks names by type (sa, ni, ko) and objects by "ta", and has no word for "the".
Headlines keep the main clause, in the present tense, without articles and modifiers.
"""

from nlpseq.data.synthetic.toy_corpus.grammar import Grammar
from nlpseq.data.synthetic.toy_corpus.lexicon import lexicon
from nlpseq.data.synthetic.toy_corpus.notation import normalise, read_rules

ENTITIES = {"Named[per]": "PER", "Named[loc]": "LOC", "Named[org]": "ORG"}

_SENTENCES = """
Text           1 = Sentence[p] | 1 | 1
Sentence[p]    4 = Clause[p] . | 1 . | 1
Sentence[p]    4 = Clause[q] , but Clause[p] . | 1 , ma 2 . | 2
Sentence[p]    3 = although Clause[q] , Clause[p] . | tel 1 , 2 . | 2
Sentence[p]    3 = Clause[p] , although Clause[q] . | tel 2 , 1 . | 1
Sentence[p]    1 = Person[n] Say[n,t] that Clause[p] . | 1 2 , ke 3 . | 3 , 2 1
Sentence[p]    1 = Person[n] Deny[n,t] that Clause[q] . | 1 2 , ke 3 . | 1 2 3

Clause[p]      5 = Thing[n,g] IsThing[p,n,g] | 1 2 | 1 2
Clause[p]      6 = Person[n] Acts[p,n] | 1 2 | 1 2
Clause[p]      3 = Person[n] IsPerson[p,n] | 1 2 | 1 2
Clause[p]      3 = Subject[loc] IsPlace[p] | 1 2 | 1 2
Clause[p]      4 = Subject[org] Fares[p] | 1 2 | 1 2
"""

_PREDICATES = """
IsThing[p,n,g] 3 = Be[n,t] ThingAdj[p,n,g] | 2 1 | 1 2
IsThing[p,n,g] 1 = Be[n,t] Degree ThingAdj[p,n,g] | 3 2 1 | 1 3
IsThing[p,n,g] 3 = Be[n,t] Not ThingAdj[q,n,g] | 3 1 2 | 1 not 3
IsPerson[p,n]  3 = Be[n,t] PersonAdj[p,n] | 2 1 | 1 2
IsPerson[p,n]  1 = Be[n,t] Degree PersonAdj[p,n] | 3 2 1 | 1 3
IsPerson[p,n]  3 = Be[n,t] Not PersonAdj[q,n] | 3 1 2 | 1 not 3
IsPlace[p]     3 = Be[sg,t] PlaceAdj[p] | 2 1 | 1 2
IsPlace[p]     1 = Be[sg,t] Degree PlaceAdj[p] | 3 2 1 | 1 3
IsPlace[p]     3 = Be[sg,t] Not PlaceAdj[q] | 3 1 2 | 1 not 3
Degree         3 = very | tre | 1
Degree         1 = quite | ja | 1
Not            4 = not | nai | not
Not            1 = never | nunai | not

Acts[p,n]      4 = Verb[p,n,t,thing] Thing[m,g] | 2 ta 1 | 1 2
Acts[p,n]      3 = Do[n,t] not Base[q,n,t,thing] Thing[m,g] | 3 ta 2 nai | 1 not 2 3
Acts[p,n]      4 = Verb[p,n,t,k] Named[k] | 2 ta 1 | 1 2
Acts[p,n]      3 = Do[n,t] not Base[q,n,t,k] Named[k] | 3 ta 2 nai | 1 not 2 3
Acts[p,n]      1 = Verb[p,n,t,per] Determiner[m] PersonNoun[m] | 3 2 ta 1 | 1 3
Acts[p,n]      1 = Do[n,t] not Base[q,n,t,per] Determiner[m] PersonNoun[m] | 4 3 ta 2 nai | 1 not 2 4

Fares[p]       2 = Fare[p,t] Lately | 2 1 | 1
Fares[p]       1 = Do[sg,t] not FareBase[q,t] Lately | 3 2 nai | 1 not 2
Fares[p]       2 = Play[p,t] against Named[org] | 2 kontra 1 | 1 against 2
Fares[p]       1 = Do[sg,t] not PlayBase[q,t] against Named[org] | 3 kontra 2 nai | 1 not 2 against 3
"""

_NOUN_PHRASES = """
Thing[n,g]     6 = Determiner[n] ThingNoun[n,g] | 2 1 | 2
Thing[n,g]     3 = Determiner[n] Colour[n,g] ThingNoun[n,g] | 3 2 1 | 3
Thing[n,g]     2 = Determiner[n] ThingNoun[n,g] Near Named[loc] | 4 3 2 1 | 4 2
Thing[n,g]     1 = Determiner[n] ThingNoun[n,g] by Named[per] | 3 no 2 1 | 3 2
Thing[n,g]     1 = Determiner[n] ThingNoun[n,g] sold by Named[org] | 3 venda 2 1 | 3 2
Near           2 = in | en | in
Near           1 = near | apud | near

Person[sg]     6 = Subject[per] | 1 | 1
Person[sg]     2 = the Role[k] of Named[k] | 2 no 1 | 2 1
Person[n]      4 = Determiner[n] PersonNoun[n] | 2 1 | 2
Person[n]      3 = Determiner[n] PersonNoun[n] who Related[n] | 3 da 2 1 | 2
Related[n]     3 = Relate[n,k] Named[k] | 2 1 | 1 2
Related[n]     1 = Relate[n,per] Determiner[m] PersonNoun[m] | 3 2 1 | 1 3

Subject[k]     3 = Named[k] | 1 | 1
Subject[k]     1 = Named[k] , Interlude , | 2 1 | 1
Interlude      3 = as usual | kolen | as usual
Interlude      2 = after a long Season | longa 1 post | after 1
Interlude      1 = during the Season | 1 dum | during 1
Interlude      2 = despite the Weather | 1 spite | despite 1

Named[per]     3 = Name | sa 1 | 1
Named[per]     1 = Given Name | sa 1 2 | 2
Named[loc]     6 = Name | ni 1 | 1
Named[loc]     1 = _Port Name | ni 1 _Haveno | _Port 1
Named[loc]     1 = Name _Bay | ni 1 _Golfo | 1 _Bay
Named[org]     6 = Name | ko 1 | 1
Named[org]     1 = Name _Brothers | ko 1 _Fratoj | 1 _Brothers
Named[org]     1 = Name _United | ko 1 _Unuita | 1 _United
"""

_SMALL_WORDS = """
Determiner[n]  6 = the | | 
Determiner[sg] 3 = a | un |
Determiner[sg] 2 = this | hil |
Determiner[sg] 1 = every | omni |
Determiner[pl] 2 = these | hilen |
Determiner[pl] 2 = some | unen |
Determiner[pl] 2 = many | multen |
Lately         2 = again | denove |
Lately         1 = this year | hil yaro |
Season         1 = winter | vintro |
Season         1 = summer | somro |
Season         1 = week | semano |
Season         1 = journey | vojajo |
Weather        1 = rain | pluvo |
Weather        1 = storm | shtormo |
Weather        1 = heat | varmo |
Weather        1 = fog | nebulo |
"""

GRAMMAR = Grammar(
    "Text",
    normalise(read_rules(_SENTENCES + _PREDICATES + _NOUN_PHRASES + _SMALL_WORDS), lexicon()),
)
