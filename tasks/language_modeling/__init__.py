"""Language modeling: the next token from all before it; recall over long distances."""
