"""The command line: `nlpseq quickstart | run | evaluate | predict | generate | compare | inspect | recipes`.

It turns arguments into one call of the library, and what comes back into a status: 0 done, 2 the user got
something wrong (one line says what), 130 interrupted. Torch and the tasks are imported only by the commands
that need them. What each command takes is in `nlpseq.cli.parser`.
"""

import contextlib
import io
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from nlpseq.cli.malloc import keep_freed_memory
from nlpseq.cli.parser import parse
from nlpseq.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: its words; those of the process if None.

    Returns:
        The exit status.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a letter stops no run
    try:
        status = _dispatch(words)
        sys.stdout.flush()
    except UserError as error:
        print(f"nlpseq: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nnlpseq: interrupted{_hint(words)}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Who read our output has gone; Python would complain once more when it flushes at exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.filename is None:
            raise
        print(f"nlpseq: error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return status


def _dispatch(words: Sequence[str]) -> int:
    arguments = parse(words)
    keep_freed_memory()
    match arguments.command:
        case "quickstart":
            return _quickstart(arguments)
        case "run":
            return _run(arguments, words)
        case "evaluate":
            return _evaluate(arguments)
        case "predict":
            return _predict(arguments)
        case "generate":
            return _generate(arguments)
        case "compare":
            return _compare(arguments)
        case "inspect":
            return _inspect(arguments, words)
        case "recipes list":
            return _list()
        case "recipes show":
            return _show(arguments)
        case "recipes copy":
            return _copy(arguments)
    print(arguments.help, end="", file=sys.stderr)
    return 2


def _quickstart(arguments: Namespace) -> int:
    from nlpseq import experiment
    from nlpseq.reporting import tables

    found = experiment.quickstart(
        arguments.tasks,
        arguments.overrides,
        output=arguments.output,
        seed=arguments.seed,
        device=arguments.device,
    )
    tables.report_quickstart([asdict(row) for row in found.rows], found.commands, found.folder)
    return 0


def _run(arguments: Namespace, words: Sequence[str]) -> int:
    from nlpseq import experiment
    from nlpseq.reporting import tables

    result = experiment.run(
        arguments.recipe,
        arguments.overrides,
        data_dir=arguments.data_dir,
        output=arguments.output,
        device=arguments.device,
        seeds=arguments.seeds,
        test=not arguments.no_test,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        track=arguments.track,
    )
    speaks = (
        os.environ.get("RANK", "0") == "0"
    )  # a launcher numbers its processes; one speaks for all
    if result.interrupted:
        if speaks:
            print(
                f"Interrupted; what was done is saved. To go on: {_resumption(words)}",
                file=sys.stderr,
            )
        return 130
    if speaks:
        tables.report_run(result.metrics, result.samples, result.folder)
    return 0


def _hint(words: Sequence[str]) -> str:
    """How to go on with what was interrupted, if it can go on."""
    if words[:1] == ["run"]:
        return f"; to go on: {_resumption(words)}"
    if words[:1] in (["compare"], ["quickstart"]):
        return f"; what was trained is kept; to go on: {shlex.join(['nlpseq', *words])}"
    if words[:1] == ["predict"]:
        from nlpseq.files import is_partial

        arguments = parse(words)
        if arguments.output is not None and is_partial(arguments.output):
            piped = not arguments.texts and arguments.file is None
            same = ", with the same texts piped in" if piped else ""
            return f"; what is answered is kept; to go on{same}: {_resumption(words)}"
    return ""


def _resumption(words: Sequence[str]) -> str:
    """The command that goes on where this one was interrupted."""
    end = words.index("--") if "--" in words else len(words)  # texts behind it, not options
    kept = (word for word in words[:end] if word not in ("--overwrite", "--resume"))
    return shlex.join(["nlpseq", *kept, "--resume", *words[end:]])


def _evaluate(arguments: Namespace) -> int:
    from nlpseq import experiment
    from nlpseq.reporting import tables

    metrics = experiment.evaluate(
        arguments.run,
        split=arguments.split,
        data_dir=arguments.data_dir,
        device=arguments.device,
        overrides=arguments.overrides,
    )
    for note in metrics["notes"]:
        print(note, file=sys.stderr)
    tables.report_scores(metrics, [arguments.split])
    return 0


def _predict(arguments: Namespace) -> int:
    from nlpseq.cli import predict

    return predict.predict(arguments)


def _generate(arguments: Namespace) -> int:
    from nlpseq.cli import predict

    return predict.generate(arguments)


def _inspect(arguments: Namespace, words: Sequence[str]) -> int:
    from nlpseq import inspection
    from nlpseq.reporting import tables

    found = inspection.inspect(
        arguments.names,
        arguments.overrides,
        models=arguments.models,
        texts=arguments.text,
        parts=arguments.parts,
        distance=arguments.max_distance,
        data_dir=arguments.data_dir,
        output=arguments.output,
        device=arguments.device,
        command=shlex.join(["nlpseq", *words]),
    )
    tables.report_inspection((one.title, one.table) for one in found.sections)
    print(f"Written to {found.page}")
    return 0


def _compare(arguments: Namespace) -> int:
    from nlpseq import experiment
    from nlpseq.analysis.comparison import print_report

    overrides = [word for word in arguments.runs if "=" in word and not Path(word).exists()]
    report, folder = experiment.compare(
        [word for word in arguments.runs if word not in overrides],
        overrides,
        models=arguments.models,
        seeds=arguments.seeds or (),
        match=arguments.match or "",
        minutes=arguments.minutes,
        data_dir=arguments.data_dir,
        output=arguments.output,
        device=arguments.device,
        measure=arguments.measure,
        split=arguments.split,
        score=arguments.score,
        difference=arguments.difference,
        samples=arguments.samples,
    )
    print_report(report)
    print(f"\nreport: {folder / 'report.html'}")
    return 0


def _list() -> int:
    from nlpseq import recipe
    from nlpseq.reporting import tables

    tables.report_recipes(map(asdict, recipe.catalogue()))
    return 0


def _show(arguments: Namespace) -> int:
    from nlpseq.recipe import locate

    print(locate(arguments.name).read_text(encoding="utf-8"), end="")
    return 0


def _copy(arguments: Namespace) -> int:
    from nlpseq import recipe

    path = shlex.quote(str(recipe.copy(arguments.name, arguments.destination)))
    print(f"Copied to {path}. To run it: nlpseq run {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
