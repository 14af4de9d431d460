"""What is looked at: each part draws pictures, and gives a section of the page and numbers of each model."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlpseq.analysis import plots
from nlpseq.analysis.attention import attended
from nlpseq.analysis.attention_plots import heat_map
from nlpseq.analysis.gate_plots import draw_gates
from nlpseq.analysis.gates import sweeps
from nlpseq.analysis.gradient_flow import Flow, gradient_flow, spectral_radii
from nlpseq.errors import UserError
from nlpseq.inspection.models import Subject
from nlpseq.inspection.page import Picture, Section
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.run_directory import finished_metrics
from nlpseq.training.history import History

FAR = 10  # times larger or smaller than at k = 1: then a gradient explodes, or vanishes


@dataclass
class Request:
    """What is asked for, and where to.

    Attributes:
        subjects: models.
        texts: to read; (): of the data.
        distance: largest k of gradient flow.
        folder: for pictures.
        asked: parts that were named; what a model lacks of these is an error, of others passed over.
    """

    subjects: Sequence[Subject]
    texts: Sequence[str]
    distance: int
    folder: Path
    asked: Sequence[str] = ()


@dataclass
class Found:
    """What a part found: sections of the page, and numbers by model."""

    sections: list[Section] = field(default_factory=list)
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)


Part = Callable[[Request], Found]


def gradients(request: Request) -> Found:
    """Gradient flow through time, spectral radii."""
    found, flows = Found(), dict[str, Flow]()
    table = [["model", "of", "tokens back", "is left", "factor a step", "spectral radius"]]
    for subject in request.subjects:
        reading = subject.predictor.read(request.texts or subject.texts)
        flow = gradient_flow(subject.model, reading, distance=request.distance)
        radii = spectral_radii(subject.model.encoder)
        flows[subject.name] = flow
        found.numbers[subject.name] = {
            "gradient_flow": {
                **flow._asdict(),
                "kept": None if math.isnan(flow.kept) else flow.kept,
                "rate": None if math.isnan(flow.rate) else flow.rate,
            },
            "spectral_radii": radii,
        }
        table.append(_row(subject.name, flow, sorted(radii.values())))
    path = request.folder / "gradient_flow.png"
    plots.draw_gradient_flow({name: flow.norms for name, flow in flows.items()}, path)
    text = [
        "How much of a loss's gradient reaches the state that was handed on k tokens before it. A straight "
        "line that falls on this log axis is a gradient that vanishes; one that rises explodes.",
        "Of states: of a recurrent encoder, h and, of an LSTM, c, all layers. Of inputs: of any other encoder, "
        "the vectors that its first layer reads. What is left is told of the norm at k = 1: "
        f"below 1/{FAR} of it is called vanished, above {FAR} times exploded. Of the recurrent matrices, a gated "
        "cell has one a gate, here the smallest and the largest radius.",
    ]
    picture = Picture(path, "Norm of the gradient, relative to that at the output (k = 0)")
    found.sections.append(Section("Gradient flow through time", text, [picture], table))
    return found


def _row(name: str, flow: Flow, radii: Sequence[float]) -> list[str]:
    ends = radii[:: max(len(radii) - 1, 1)]  # the smallest and the largest
    return [
        name,
        flow.of,
        f"{len(flow.norms) - 1}",
        verdict(flow.kept),
        "" if math.isnan(flow.rate) else f"{flow.rate:.3f}",
        " to ".join(f"{one:.3g}" for one in ends) or "none",
    ]


def verdict(kept: float) -> str:
    """`0.0021, vanishes`: of what is left of a gradient."""
    if math.isnan(kept):
        return "no way back"
    word = "vanishes" if kept < 1 / FAR else "explodes" if kept > FAR else "lasts"
    return f"{kept:.2g}, {word}"


def clipping(request: Request) -> Found:
    """What clipping did while the model was trained."""
    found, pictures = Found(), []
    table = [["model", "clipped to", "of the logged updates", "largest norm"]]
    for subject in request.subjects:
        history = History(subject.folder / "history.jsonl").read() if subject.folder else []
        limit = float(subject.task.recipe.training.clip_norm)
        path = request.folder / f"clipping-{file_name(subject.name)}.png"
        share = plots.draw_clipping(history, limit, path)
        if share is None:
            continue
        largest = max(line["gradient_norm"] for line in history if "gradient_norm" in line)
        pictures.append(Picture(path, subject.name))
        table.append(
            [subject.name, f"{limit:g}" if limit else "not", f"{share:.0%}", f"{largest:.3g}"]
        )
        found.numbers[subject.name] = {
            "clipping": {"clip_norm": limit, "share": share, "largest_norm": largest}
        }
    if pictures:
        text = "The norm of the whole gradient at the logged updates of training, before and after clipping."
        found.sections.append(Section("What clipping does", [text], pictures, table))
    return found


def distances(request: Request) -> Found:
    """Accuracy against distance, of runs that tell it."""
    curves_of, chances = {}, {}
    for subject in request.subjects:
        metrics = (finished_metrics(subject.folder) if subject.folder else None) or {}
        details = metrics.get("details", {})
        told = [
            details[split]
            for split in metrics.get("splits", ())
            if "by_distance" in details.get(split, {})
        ]
        if told:
            curves_of[subject.name] = told[-1]["by_distance"]
            chances[subject.name] = told[-1]["best_constant"]
        elif "distances" in request.asked:
            raise UserError(
                f"--distances: not for {subject.name}: only finished runs of long_dependencies recipes tell "
                "accuracy against distance"
            )
    found = Found()
    if not curves_of:
        return found
    found.numbers = {name: {"by_distance": curve} for name, curve in curves_of.items()}
    path = request.folder / "accuracy_by_distance.png"
    plots.draw_distances(curves_of, max(chances.values()), path)
    text = "Only what is determined counts: tokens that follow from one so many tokens before them."
    found.sections.append(Section("Accuracy against distance", [text], [Picture(path)]))
    return found


def gates(request: Request) -> Found:
    """Heat maps of gates and states over the tokens of a text."""
    found, pictures = Found(), []
    for subject in request.subjects:
        encoder = subject.model.encoder
        if not isinstance(encoder, RecurrentEncoder):
            if "gates" in request.asked:
                raise UserError(f"--gates: not for {subject.name}: its encoder is not recurrent")
            continue
        for which, text in _texts(request, subject):
            reading = subject.predictor.read([text])
            tokens = reading.token_texts[0]
            vectors = subject.model.embedding(reading.tokens)[0, : len(tokens)].detach()
            for sweep in sweeps(encoder, vectors):
                place = f"layer{sweep.layer}" + (
                    "-backward" if sweep.direction == "backward" else ""
                )
                path = request.folder / f"gates-{file_name(subject.name)}{which}-{place}.png"
                draw_gates(sweep, tokens, path)
                caption = f"{subject.name}, {sweep.kind} layer {sweep.layer}, {sweep.direction}"
                pictures.append(Picture(path, caption))
    if pictures:
        about = (
            "A row is a unit, a column a token; units that hold on longest are at the top, in the same order "
            "in all panels of a picture. A gate is white where it is closed (0) and dark where it is open (1)."
        )
        found.sections.append(Section("Gates and states", [about], pictures))
    return found


def attention(request: Request) -> Found:
    """What is attended to: by a decoder, a pooling, each head of a Transformer."""
    found, pictures = Found(), list[Picture]()
    for subject in request.subjects:
        before = len(pictures)
        for which, text in _texts(request, subject):
            for answer in attended(subject.predictor, text):
                if not answer["source_tokens"] or not answer["output_tokens"]:
                    continue
                name = f"{file_name(subject.name)}{which}-{file_name(answer['name'])}"
                path = request.folder / f"attention-{name}.png"
                heat_map(answer, path)
                pictures.append(Picture(path, f"{subject.name}, {answer['name']}"))
        if len(pictures) == before and "attention" in request.asked:
            raise UserError(f"--attention: not for {subject.name}: nothing in it attends")
    if pictures:
        about = "What each row attended to, from left to right; the weights of a row sum to 1."
        found.sections.append(Section("Attention", [about], pictures))
    return found


def _texts(request: Request, subject: Subject) -> Iterator[tuple[str, str]]:
    """Each text to be drawn, and what tells its pictures from those of the others."""
    texts = request.texts or [subject.short_text]
    for number, text in enumerate(texts, 1):
        yield f"-text{number}" if len(texts) > 1 else "", text


PARTS: dict[str, Sequence[Part]] = {
    "gradients": (gradients, clipping),
    "distances": (distances,),
    "gates": (gates,),
    "attention": (attention,),
}
"""The parts by the name of their option."""


def file_name(name: str) -> str:
    """A name as part of a file's."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "model"
