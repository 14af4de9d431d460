import io

from rich.console import Console

from nlpseq.training.reporters import LiveReporter, PlainReporter, build_reporter, summary


def plain(width: int = 40) -> Console:
    return Console(file=io.StringIO(), width=width)


def test_a_log_gets_one_plain_line_for_each_event() -> None:
    console = plain()
    reporter = build_reporter(console)
    assert type(reporter) is PlainReporter
    reporter.start(20, 5)
    reporter.advance(9, 0.9, {})
    reporter.advance(
        10, 1.0, {"loss": 4.56789, "learning_rate": 1e-3, "tokens_per_second": 12345.6}
    )
    reporter.validated({"step": 10, "epoch": 1.0, "perplexity": 96.54})
    reporter.note("checkpoint [x] is damaged")
    reporter.finish()
    assert console.file.getvalue().splitlines() == [
        "training for 20 steps, resumed after step 5",
        "step 10/20  epoch 1.00  loss 4.568  learning rate 0.001  tokens/s 12,346",
        "validation  step 10  epoch 1  perplexity 96.54",
        "checkpoint [x] is damaged",
    ]


def test_a_terminal_gets_a_bar() -> None:
    console = Console(file=io.StringIO(), width=140, force_terminal=True)
    reporter = build_reporter(console)
    assert isinstance(reporter, LiveReporter)
    reporter.start(20, 5)
    reporter.advance(6, 0.6, {"loss": 4.5})
    reporter.validated({"perplexity": 96.54})
    reporter.finish()
    shown = console.file.getvalue()
    for part in ("6/20", "loss 4.5", "perplexity 96.54", "left"):
        assert part in shown


def test_nan_and_infinity_are_printed() -> None:
    assert summary({"loss": float("nan"), "norm": float("inf")}) == "loss nan  norm inf"
