"""`nlpseq generate`: continue a prompt with a language model."""

from argparse import ArgumentParser, Namespace

from nlpseq.cli import decoding_options
from nlpseq.cli.common_options import add_code, add_device, add_model
from nlpseq.cli.option_types import positive_int
from nlpseq.cli.predict import load_predictor, with_article
from nlpseq.errors import UserError
from nlpseq.predictor import Generator
from nlpseq.safe_text import for_output

SUMMARY = "generate text with a language model"
DESCRIPTION = """\
Generate text with a language model. Options left out come from the [decoding]
section of the recipe."""
EXAMPLES = """\
examples:
  nlpseq generate runs/gru --prompt "the old" --seed 1
  nlpseq generate runs/gru --num-samples 5 --temperature 0.7 --top-p 0.9
  nlpseq generate runs/gru --prompt "the old" --beam-size 8

A single sample is printed while it is generated.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `nlpseq generate`."""
    add_model(parser)
    parser.add_argument(
        "--prompt", default="", metavar="TEXT", help="text to continue (default: none)"
    )
    parser.add_argument(
        "--num-samples",
        type=positive_int,
        default=1,
        metavar="N",
        help="number of texts (default: 1)",
    )
    decoding_options.add_to_generate(parser)
    add_device(parser)
    add_code(parser)
    parser.set_defaults(check=check)


def check(arguments: Namespace) -> None:
    """Collect the decoding options."""
    arguments.decoding = decoding_options.for_generate(arguments)


def execute(arguments: Namespace) -> int:
    """Print the samples; several are separated by `---` if they have several lines."""
    predictor = load_predictor(arguments)
    if not isinstance(predictor, Generator):
        raise UserError(
            f"{arguments.run} is {with_article(predictor.name)}, which does not continue prompts; "
            f"use `nlpseq predict {arguments.run}`"
        )
    options = arguments.decoding
    predictor.decoding_config(options)
    if arguments.num_samples == 1:
        for piece in predictor.stream(arguments.prompt, seed=arguments.seed, **options):
            print(for_output(piece), end="", flush=True)
        print()
        return 0
    samples = predictor.generate(
        arguments.prompt, num_samples=arguments.num_samples, seed=arguments.seed, **options
    )
    has_several_lines = any("\n" in sample for sample in samples)
    print(for_output(("\n---\n" if has_several_lines else "\n").join(samples)))
    return 0
