"""The views of an inspection: each draws pictures, and returns sections of the page and numbers by model."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nlpseq.analysis import curve_plots
from nlpseq.analysis.attention import attention_maps
from nlpseq.analysis.attention_plots import heat_map
from nlpseq.analysis.gate_plots import gate_figure
from nlpseq.analysis.gates import sweeps
from nlpseq.analysis.gradient_flow import Flow, gradient_flow, spectral_radii
from nlpseq.errors import UserError
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.reporting.figures import Draw, Picture, render
from nlpseq.run_directory import finished_metrics
from nlpseq.training.history import History

from .models import InspectedModel, ModelText
from .page import PageSection

FAR = 10  # a gradient vanishes or explodes if it changes by more than this factor


@dataclass
class Request:
    """The models and views of an inspection.

    Attributes:
        models: to inspect.
        texts: to read; (): texts from the models' data.
        distance: largest k of gradient flow.
        asked: parts that were named: one that does not apply to a model is an error, else it is skipped.
    """

    models: Sequence[InspectedModel]
    texts: Sequence[str]
    distance: int
    asked: Sequence[str] = ()

    def texts_for(self, model: InspectedModel) -> Iterator[tuple[str, ModelText]]:
        """Yield each text (or pair) to draw, after the part of a file name that distinguishes its pictures."""
        texts = model.group(self.texts) or [model.short_text]
        for number, text in enumerate(texts, 1):
            yield f"-text{number}" if len(texts) > 1 else "", text

    def draw(self, name: str, caption: str, draw: Draw, *, trim: bool = False) -> Picture:
        """Draw a picture for light and dark pages."""
        return render(name, caption, draw, trim=trim)


@dataclass
class View:
    """Sections of the page, and numbers by model."""

    sections: list[PageSection] = field(default_factory=list)
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, other: "View") -> None:
        """Append another view."""
        self.sections += other.sections
        for name, numbers in other.numbers.items():
            self.numbers.setdefault(name, {}).update(numbers)


def view_gradients(request: Request) -> View:
    """Show gradient flow through time, and spectral radii."""
    view, flows = View(), dict[str, Flow]()
    # Line breaks keep the table within 80 columns.
    table = [
        [
            "model",
            "measured\nat",
            "distance\nk",
            "gradient left\nat k",
            "decay\nper step",
            "spectral\nradius",
        ]
    ]
    for model in request.models:
        model_input = model.predictor.read_texts(model.group(request.texts) or model.texts)
        flow = gradient_flow(model.model, model_input, distance=request.distance)
        radii = spectral_radii(model.model.encoder)
        flows[model.name] = flow
        view.numbers[model.name] = {"gradient_flow": _as_json(flow), "spectral_radii": radii}
        table.append(_row(model.name, flow, sorted(radii.values())))
    norms = {name: flow.norms for name, flow in flows.items()}
    picture = request.draw(
        "gradient_flow",
        "Norm of the gradient k time steps before the loss, relative to that at the output (k = 0)",
        partial(curve_plots.gradient_flow_figure, norms),
    )
    text = [
        "How much of the gradient of a loss reaches the state k time steps before it. On this logarithmic axis, "
        "a straight falling line is a vanishing gradient, a rising line an exploding one.",
        "Measured at states: h and, in an LSTM, c of all layers of a recurrent encoder. Measured at inputs: the "
        "vectors that the first layer of any other encoder reads. Gradient left at k is relative to k = 1: "
        f"below 1/{FAR} it vanishes, above {FAR} it explodes, else it is preserved. A gated cell has a recurrent "
        "matrix for each gate: the smallest and the largest spectral radius are shown.",
    ]
    view.sections.append(PageSection("Gradient flow through time", text, [picture], table))
    return view


def _as_json(flow: Flow) -> dict[str, Any]:
    return {
        "of": flow.measured_at,
        "norms": flow.norms,
        "losses": flow.losses,
        "kept": None if math.isnan(flow.kept) else flow.kept,
        "rate": None if math.isnan(flow.rate) else flow.rate,
    }


def _row(name: str, flow: Flow, radii: list[float]) -> list[str]:
    ends = dict.fromkeys(f"{radius:.2f}" for radius in radii[:1] + radii[-1:])
    return [
        name,
        flow.measured_at,
        f"{len(flow.norms) - 1}",
        behaviour(flow.kept),
        "" if math.isnan(flow.rate) else f"{flow.rate:.3f}",
        "-".join(ends) or "none",
    ]


def behaviour(kept: float) -> str:
    """Describe how much of a gradient is left: `0.0021, vanishes`."""
    if math.isnan(kept):
        return "no gradient"
    word = "vanishes" if kept < 1 / FAR else "explodes" if kept > FAR else "preserved"
    return f"{kept:.2g}, {word}"


def view_clipping(request: Request) -> View:
    """Show how much gradients were clipped in training."""
    view, pictures = View(), []
    table = [["model", "clip_norm", "steps clipped", "largest norm"]]
    for model in request.models:
        history = History(model.folder / "history.jsonl").read() if model.folder else []
        points = curve_plots.gradient_norms(history)
        if not points:
            continue
        limit = float(model.task.recipe.training.clip_norm)
        share = curve_plots.clipped_share(points, limit)
        largest = max(norm for _, norm in points)
        draw = partial(curve_plots.clipping_figure, points, limit)
        pictures.append(request.draw(f"clipping-{file_name(model.name)}", model.name, draw))
        table.append(
            [model.name, f"{limit:g}" if limit else "off", f"{share:.0%}", f"{largest:.3g}"]
        )
        numbers = {"clip_norm": limit, "share": share, "largest_norm": largest}
        view.numbers[model.name] = {"clipping": numbers}
    if pictures:
        text = (
            "The norm of the gradient at the logged steps of training, before and after clipping."
        )
        view.sections.append(PageSection("Gradient clipping", [text], pictures, table))
    return view


def view_distances(request: Request) -> View:
    """Show accuracy against distance, for finished runs that have it."""
    curves, chances = {}, {}
    for model in request.models:
        metrics = (finished_metrics(model.folder) if model.folder else None) or {}
        details = metrics.get("details", {})
        scored = [
            details[split]
            for split in metrics.get("splits", ())
            if "by_distance" in details.get(split, {})
        ]
        if scored:
            curves[model.name] = scored[-1]["by_distance"]
            chances[model.name] = scored[-1]["best_constant"]
        elif "distances" in request.asked:
            raise UserError(
                f"--distances: not available for {model.name}: only finished runs of the task recall have "
                "accuracy against distance"
            )
    if not curves:
        return View()
    draw = partial(curve_plots.distance_figure, curves, max(chances.values()))
    picture = request.draw("accuracy_by_distance", "Accuracy against distance", draw)
    text = "Accuracy on the tokens that an earlier token determines, by the distance to that token."
    section = PageSection("Accuracy against distance", [text], [picture])
    return View([section], {name: {"by_distance": curve} for name, curve in curves.items()})


def view_gates(request: Request) -> View:
    """Show heat maps of gates and states over the tokens of a text."""
    pictures = []
    for model in request.models:
        encoder = model.model.encoder
        if not isinstance(encoder, RecurrentEncoder):
            if "gates" in request.asked:
                raise UserError(
                    f"--gates: not available for {model.name}: its encoder is not recurrent"
                )
            continue
        for which, text in request.texts_for(model):
            model_input = model.predictor.read_texts([text])
            embedded = model.model.embedding(model_input.tokens).detach()
            paired = len(model.task.text_fields) > 1
            for row, tokens in enumerate(model_input.token_texts):  # several: the texts of a pair
                side = f"-side{row + 1}" if paired else ""
                for sweep in sweeps(encoder, embedded[row, : len(tokens)]):
                    backward = "-backward" if sweep.direction == "backward" else ""
                    name = (
                        f"gates-{file_name(model.name)}{which}{side}-layer{sweep.layer}{backward}"
                    )
                    caption = f"{model.name}, {sweep.kind} layer {sweep.layer}, {sweep.direction}"
                    caption += f", text {row + 1} of the pair" if paired else ""
                    draw = partial(gate_figure, sweep, tokens)
                    pictures.append(request.draw(name, caption, draw, trim=True))
    if not pictures:
        return View()
    text = (
        "Rows are units, columns are tokens. Units are sorted by memory, longest on top: by their mean forget or "
        "update gate, without gates by how little their state changes. Gates go from closed (0, background) to "
        "open (1, blue); states are blue below 0 and red above."
    )
    return View([PageSection("Gates and states", [text], pictures)])


def view_attention(request: Request) -> View:
    """Show the attention weights of a decoder, a pooling, and each head of a Transformer."""
    pictures = list[Picture]()
    for model in request.models:
        before = len(pictures)
        for which, text in request.texts_for(model):
            for attention in attention_maps(model.predictor, text):
                if not attention.rows or not attention.columns:
                    continue
                name = f"attention-{file_name(model.name)}{which}-{file_name(attention.name)}"
                caption = f"{model.name}, {attention.name}"
                draw = partial(heat_map, attention)
                pictures.append(request.draw(name, caption, draw, trim=True))
        if len(pictures) == before and "attention" in request.asked:
            raise UserError(f"--attention: not available for {model.name}: it has no attention")
    if not pictures:
        return View()
    text = (
        "Each row shows what one token attends to; its weights sum to 1. All heads of a layer have the same "
        "colour scale."
    )
    return View([PageSection("Attention", [text], pictures)])


PARTS: dict[str, Sequence[Callable[[Request], View]]] = {
    "gradients": (view_gradients, view_clipping),
    "distances": (view_distances,),
    "gates": (view_gates,),
    "attention": (view_attention,),
}
"""The views by the name of their option."""


def file_name(name: str) -> str:
    """Turn a name into a part of a file name."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "model"
