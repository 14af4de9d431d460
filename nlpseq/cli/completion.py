"""`nlpseq completion`: the shell code that completes commands, options, recipes and keys."""

from argparse import ArgumentParser, Namespace
from typing import Any

SUMMARY = "print shell completion for bash, zsh or fish"
DESCRIPTION = """\
Print the shell code that completes commands, options, recipes and keys of
recipes. Add the line for your shell to its start-up file."""
EXAMPLES = """\
examples:
  eval "$(nlpseq completion bash)"      # in ~/.bashrc
  eval "$(nlpseq completion zsh)"       # in ~/.zshrc
  nlpseq completion fish | source       # in ~/.config/fish/config.fish
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `nlpseq completion`."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")


def execute(arguments: Namespace) -> int:
    """Print the code."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["nlpseq"], shell=arguments.shell))
    return 0


def complete(parser: ArgumentParser) -> None:
    """Answer the shell with completions, and exit."""
    from argcomplete.finders import CompletionFinder

    class Finder(CompletionFinder):
        """Completes overrides after options, too, where argparse expects no positional argument."""

        def collect_completions(
            self, active_parsers: Any, parsed_args: Namespace, cword_prefix: str
        ) -> list[str]:
            completions: list[str] = super().collect_completions(
                active_parsers, parsed_args, cword_prefix
            )
            active = active_parsers[-1]
            words = active.get_default("words")
            if completions or not words or active.active_actions or cword_prefix[:1] == "-":
                return completions
            completer = next(
                (getattr(a, "completer", None) for a in active._actions if a.dest == words), None
            )
            return list(completer(cword_prefix, parsed_args=parsed_args)) if completer else []

    Finder()(parser)
