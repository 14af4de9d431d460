"""Characters of many scripts, for property tests: letters with marks, text without spaces, white space, tags."""

SCRIPTS = (
    "abcXYZ.,'’-/@:<>s|t019 \n\tßéÉẞσΣΟΔςİIıſ中国日本あア゙がกั็ำ한ក់ے،عربيе\u0301\u0327ዎ።፡अक्कि"
    "\u200d👩🏽😀\u00ad\u2028\x85\x1c½²Ⅻ٣_&+`e"
)
