"""Threads of the command line: their number, and how they wait for each other. Importing nlpseq changes neither."""

from .choice import choose as choose
from .choice import continue_with as continue_with
from .choice import description as description
from .choice import fit_to_model as fit_to_model
from .choice import record as record
