"""Characters of many scripts, for property tests: letters with marks, text without spaces, white space, tags."""

SCRIPTS = (
    "abcXYZ.,'’-/@:<>s|t019 \n\tßéÉẞσΣΟΔςİIıſ中国日本あア゙がกั็ำ한ក់ے،عربيе\u0301\u0327ዎ።፡अक्कि"
    "\u200d👩🏽😀\u00ad\u2028\x85\x1c\x0b\x0c\u00a0\u3000\u200b\ufeff½²Ⅻ٣_&+`e"
)

BLANK = ["", " ", "\t", "\u00a0", "\u2028", "\u3000 ", "\x0b\x0c", "\u200b", "\ufeff", "\u200d "]
"""Texts without a visible character; some are white space."""
SPECIAL = ["<eos>", "<pad>", "<unk>", "<bos>", "[PAD]", "</s>", "a <eos> b", "<eos_>", "[UNK]"]
"""Texts that spell special tokens."""
