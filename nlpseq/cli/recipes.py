"""`nlpseq recipes`: list, show and copy recipes, and describe their keys."""

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from nlpseq.cli import completers
from nlpseq.cli.common_options import add_code
from nlpseq.errors import UserError
from nlpseq.safe_text import for_output, show

SUMMARY = "list, show or copy recipes, describe their keys"
DESCRIPTION = "List, show or copy recipes, or describe the keys of their sections."
EXAMPLES = """\
examples:
  nlpseq recipes
  nlpseq recipes show language_modeling/quickstart
  nlpseq recipes copy language_modeling/quickstart my_recipe.toml
  nlpseq recipes keys
  nlpseq recipes keys tagging training
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the actions of `nlpseq recipes`."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action")

    def add_action(name: str, summary: str) -> ArgumentParser:
        action = actions.add_parser(
            name, prog=f"nlpseq recipes {name}", help=summary, description=f"{summary}."
        )
        action.set_defaults(prog=action.prog)
        return action

    add_action("list", "List the recipes").set_defaults(execute=list_recipes)

    show = add_action("show", "Print a recipe")
    _add_name(show)
    show.set_defaults(execute=show_recipe)

    copy = add_action("copy", "Copy a recipe, to change it")
    _add_name(copy)
    copy.add_argument(
        "destination",
        metavar="DEST",
        nargs="?",
        default=Path(),
        type=Path,
        help="new file, or a folder (default: this one)",
    )
    copy.set_defaults(execute=copy_recipe)

    keys = add_action("keys", "Describe the keys of a recipe")
    task = keys.add_argument(
        "task",
        metavar="TASK",
        nargs="?",
        help="a task or a recipe; if left out, keys that all tasks have are described",
    )
    completers.attach(task, completers.tasks_and_recipes)
    section = keys.add_argument("section", metavar="SECTION", nargs="?", help="one section only")
    completers.attach(section, completers.sections)
    add_code(keys)
    keys.set_defaults(execute=describe_keys)

    for action in (show, copy, keys):
        action.set_defaults(help=action.format_help())


def _add_name(parser: ArgumentParser) -> None:
    name = parser.add_argument("name", metavar="NAME", help="name that `nlpseq recipes` lists")
    completers.attach(name, completers.shipped_recipes)


def execute(arguments: Namespace) -> int:
    """List the recipes: `nlpseq recipes` without an action."""
    return list_recipes(arguments)


def list_recipes(_: Namespace) -> int:
    """Print the recipes by task."""
    from dataclasses import asdict

    from nlpseq import recipe
    from nlpseq.reporting import tables

    tables.report_recipes(map(asdict, recipe.catalogue()))
    return 0


def show_recipe(arguments: Namespace) -> int:
    """Print the TOML file of a recipe."""
    from nlpseq.recipe import locate

    print(for_output(locate(arguments.name).read_text(encoding="utf-8")), end="")
    return 0


def copy_recipe(arguments: Namespace) -> int:
    """Copy a recipe to a file of the user."""
    from nlpseq import recipe

    path = shlex.quote(str(recipe.copy(arguments.name, arguments.destination)))
    show(f"Copied to {path}. To run it: nlpseq run {path}")
    return 0


def describe_keys(arguments: Namespace) -> int:
    """Print every key with its type, default, choices and description."""
    from nlpseq import custom_code
    from nlpseq.cli.schemas import schema_of, task_of
    from nlpseq.recipe import Recipe, keys
    from nlpseq.reporting import tables

    custom_code.register(arguments.code)
    if arguments.task is not None:
        _check_task(arguments.task)
    schema = Recipe if arguments.task is None else schema_of(task_of(arguments.task))
    described = keys.describe(schema)
    if arguments.section is not None:
        described = keys.select_section(described, arguments.section)
    tables.report_keys(described)
    return 0


def _check_task(name: str) -> None:
    """Refuse a folder of recipes or a section in place of a task, with the command that was meant.

    Raises:
        UserError: it is one of them.
    """
    from nlpseq import recipe
    from nlpseq.cli.schemas import light_schema_of
    from nlpseq.recipe import Recipe
    from nlpseq.recipe.sections import section_names

    if light_schema_of(name) is not None:
        return
    tasks = {entry.task for entry in recipe.catalogue() if entry.name.startswith(f"{name}/")}
    if len(tasks) == 1:
        task = tasks.pop()
        raise UserError(
            f"{name} is a folder of recipes; their task is {task}: `nlpseq recipes keys {task}`"
        )
    if name in section_names(Recipe):
        raise UserError(
            f"{name} is a section; name a task before it, such as `nlpseq recipes keys tagging {name}`"
        )
