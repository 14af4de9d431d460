"""The command line of nlpseq.

Start reading at `main`, then `parser`; each command has a file of its own.
"""
