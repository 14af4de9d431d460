"""Linear-chain conditional random field (Lafferty et al. 2001): scores of whole paths of tags.

    log P(y | x) = score(y) - log Z        score(y): see `nlpseq.layers.linear_chain`

Hard constraints are scores of -inf, so a forbidden path has no probability even before training. The gradient of the
loss needs no autograd: that of log Z is the expected counts, which forward-backward computes along with log Z, and
that of the score is the counts of the gold path (Sutton and McCallum 2012, equation 5.7). The backward pass only
scales their difference.

Spans give the confidence of an entity: `span_log_probs` is the probability of all paths through exactly these tags
(constrained forward-backward, Culotta and McCallum 2004); it is exact, not a product of marginals.

The algorithms are in `linear_chain`: read its `log_sums` first, the plain recursion.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nlpseq.errors import UserError
from nlpseq.layers.linear_chain import (
    Chain,
    Lattice,
    Paths,
    best_paths,
    messages,
    mixing_steps,
    path_sums,
)
from nlpseq.layers.padding import Padding
from nlpseq.layers.traced_chain import log_partition
from nlpseq.types import widest_float

INITIAL_RANGE = 0.1
FORBIDDEN = -1e30


class ChainConstraints(NamedTuple):
    """The allowed tags and transitions (True) of a scheme such as BIO."""

    start: Tensor  # (K,) as the first tag
    transitions: Tensor  # (K, K) from, to
    end: Tensor  # (K,) as the last tag

    @classmethod
    def none(cls, num_tags: int) -> "ChainConstraints":
        """Allow everything."""
        return cls(*(torch.ones(shape, device="cpu").bool() for shape in _shapes(num_tags)))


class Spans(NamedTuple):
    """E spans of tokens, anywhere in a batch."""

    rows: Tensor  # (E,) row of the batch
    begins: Tensor  # (E,) the first token
    ends: Tensor  # (E,) the index after the last token


def _shapes(num_tags: int) -> tuple[tuple[int, ...], ...]:
    return (num_tags,), (num_tags, num_tags), (num_tags,)


class ConstrainedChain(nn.Module):
    """Constraints as buffers. They follow from the tags, so no file keeps them.

    Args:
        num_tags: K.
        constraints: the allowed tags and transitions; None: all.

    Raises:
        UserError: the constraints are for another number of tags.
    """

    allowed_start: Tensor
    allowed_transitions: Tensor
    allowed_end: Tensor

    def __init__(self, num_tags: int, constraints: ChainConstraints | None = None) -> None:
        super().__init__()
        constraints = ChainConstraints.none(num_tags) if constraints is None else constraints
        for name, allowed, shape in zip(
            ChainConstraints._fields, constraints, _shapes(num_tags), strict=True
        ):
            if allowed.shape != shape:
                raise UserError(
                    f"constraints.{name} has the shape {tuple(allowed.shape)}, "
                    f"but {num_tags} tags need {shape}"
                )
            self.register_buffer(f"allowed_{name}", allowed.bool(), persistent=False)
        self.num_tags = num_tags
        self.mixing = mixing_steps(constraints.transitions)

    def constrain(self, start: Tensor, transitions: Tensor, end: Tensor) -> Chain:
        """Return the scores (K,), (K, K), (K,), with -inf where a tag or transition is not allowed."""
        return Chain(
            start.masked_fill(~self.allowed_start, -math.inf),
            transitions.masked_fill(~self.allowed_transitions, -math.inf),
            end.masked_fill(~self.allowed_end, -math.inf),
            self.mixing,
        )

    def constraints_only(self) -> Chain:
        """Return scores of 0 where allowed, -inf where not."""
        zeros = (self.allowed_start.new_zeros(s, dtype=torch.float) for s in _shapes(self.num_tags))
        return self.constrain(*zeros)

    def extra_repr(self) -> str:
        """Return what `print` shows."""
        forbidden = int((~self.allowed_transitions).sum())
        return f"num_tags={self.num_tags}, forbidden_transitions={forbidden}"


class LinearChainCRF(ConstrainedChain):
    """A CRF that learns scores of first tags, transitions and last tags; emissions are its inputs.

    Emissions (B, T, K) must be finite at real tokens. A mask (B, T) is True there, padding on the right; None: there
    is no padding. Values at padding never change a result.
    """

    def __init__(self, num_tags: int, constraints: ChainConstraints | None = None) -> None:
        super().__init__(num_tags, constraints)
        self.start = nn.Parameter(torch.empty(num_tags))
        self.transitions = nn.Parameter(torch.empty(num_tags, num_tags))  # from, to
        self.end = nn.Parameter(torch.empty(num_tags))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all scores from U(-0.1, 0.1)."""
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -INITIAL_RANGE, INITIAL_RANGE)

    def nll(self, emissions: Tensor, tags: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute the negative log-likelihood (B,) of gold paths, in nats, in float32 at least.

        Args:
            emissions: (B, T, K).
            tags: (B, T); anything at padding.
            mask: (B, T).

        Returns:
            (B,), differentiable once; inf where a path is not allowed, 0 for a row without tokens.
        """
        if torch.compiler.is_compiling():
            return _traced_nll(emissions, self.chain(), tags, mask)
        start, transitions, end, mixing = self.chain()
        loss: Tensor = _NegativeLogLikelihood.apply(  # type: ignore[no-untyped-call]
            emissions, start, transitions, end, tags, mask, mixing
        )
        return loss

    def decode(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the best path of each row (B, T), 0 at padding."""
        return best_paths(self.lattice(emissions, mask)).tags[:, 0]

    def n_best(self, emissions: Tensor, mask: Tensor | None = None, n: int = 1) -> Paths:
        """Return the n best paths of each row and their log-probabilities, the best first."""
        lattice = self.lattice(emissions, mask)
        paths = best_paths(lattice, n)
        return paths._replace(scores=paths.scores - path_sums(lattice).log_z.unsqueeze(1))

    def marginals(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return P(y_t = k | x), (B, T, K), 0 at padding; without gradient."""
        return path_sums(self.lattice(emissions, mask)).marginals

    @torch.no_grad()
    def span_log_probs(
        self,
        emissions: Tensor,
        mask: Tensor | None,
        paths: Tensor,
        spans: Spans,
        closing: Tensor | None = None,
    ) -> Tensor:
        """Return the log-probability that a path has exactly these tags in a span, and ends the span there.

        Args:
            emissions: (B, T, K).
            mask: (B, T).
            paths: (B, T) tags; only those inside the spans are read.
            spans: E spans, none empty, each inside its row's real tokens.
            closing: (K, K) True where the second tag ends a span whose last tag is the first (in BIO: every tag
                except I-X after B-X or I-X); None: any tag may follow.

        Returns:
            (E,), in nats.
        """
        return span_log_probs(self.lattice(emissions, mask), paths, spans, closing)

    def chain(self) -> Chain:
        """Return the scores, with -inf where a tag or transition is not allowed."""
        return self.constrain(self.start, self.transitions, self.end)

    def lattice(self, emissions: Tensor, mask: Tensor | None) -> Lattice:
        """Return the input of the algorithms in `linear_chain`."""
        return Lattice.of(emissions, self.chain(), mask)


@torch.no_grad()
def span_log_probs(
    lattice: Lattice, paths: Tensor, spans: Spans, closing: Tensor | None = None
) -> Tensor:
    """Compute `LinearChainCRF.span_log_probs` from a lattice."""
    emissions, (_, transitions, end, _), padding = lattice
    length = emissions.shape[1]
    forward, backward, log_z = messages(lattice)
    rows, begins, ends = spans
    last, past = ends - 1, ends.clamp(max=length - 1)
    # Step t of a path is the transition to its tag and this tag's emission.
    inner = emissions.gather(2, paths.unsqueeze(2)).squeeze(2)  # (B, T)
    inner[:, 1:] += transitions[paths[:, :-1], paths[:, 1:]]
    inside = between(begins + 1, ends, length)
    inner = inner[rows].masked_fill(~inside, 0).sum(1)  # (E,)
    first_tags, last_tags = paths[rows, begins], paths[rows, last]
    onwards = transitions[last_tags] + backward[rows, past]  # (E, K)
    if closing is not None:
        onwards = onwards.masked_fill(~closing[last_tags], -math.inf)
    at_end = ends == padding.lengths[rows]
    after = torch.where(at_end, end[last_tags], onwards.logsumexp(1))
    return forward[rows, begins, first_tags] + inner + after - log_z[rows]


def between(begins: Tensor, ends: Tensor, length: int) -> Tensor:
    """Return a mask (E, T), True from `begins` (E,) up to but excluding `ends` (E,)."""
    indices = torch.arange(length, device=begins.device)
    return (indices >= begins.unsqueeze(1)) & (indices < ends.unsqueeze(1))


def path_scores(lattice: Lattice, tags: Tensor) -> Tensor:
    """Return the score (B,) of a path for each row: `tags` (B, T), 0 at padding; 0 for a row without tokens."""
    (start, transitions, end, _), mask = lattice.chain, lattice.padding.mask
    steps = lattice.emissions.gather(2, tags.unsqueeze(2)).squeeze(2)  # (B, T)
    steps[:, 0] += start[tags[:, 0]]
    steps[:, 1:] += transitions[tags[:, :-1], tags[:, 1:]]
    steps = steps.masked_fill(~mask, 0)
    last = end[lattice.at_last(tags)]
    return steps.sum(1) + last.masked_fill(lattice.padding.lengths == 0, 0)


def _traced_nll(emissions: Tensor, chain: Chain, tags: Tensor, mask: Tensor | None) -> Tensor:
    """Compute `LinearChainCRF.nll` in a traced graph, whose gradient autograd computes.

    Scores of -inf would have gradients of nan there, and become `FORBIDDEN`.
    """
    if mask is None:
        mask = emissions.new_ones(emissions.shape[:2], dtype=torch.bool)
    narrowest = torch.promote_types(emissions.dtype, chain.start.dtype)
    dtype = widest_float(emissions)
    emissions = emissions.to(dtype).masked_fill(~mask.unsqueeze(2), 0)
    start, transitions, end = (part.to(dtype).clamp(min=FORBIDDEN) for part in chain[:3])
    lattice = Lattice(emissions, Chain(start, transitions, end, chain.mixing), Padding.of(mask))
    steps = emissions.transpose(0, 1)
    log_z = log_partition(start, transitions, end, steps, mask.transpose(0, 1))
    score = path_scores(lattice, tags.masked_fill(~mask, 0))
    loss = (log_z - score).masked_fill(score <= FORBIDDEN / 2, math.inf)
    loss = loss.masked_fill(lattice.padding.lengths == 0, 0)
    return loss.to(torch.promote_types(narrowest, torch.float32))


class _NegativeLogLikelihood(torch.autograd.Function):
    """The loss together with the gradients of each row, which `backward` weights."""

    @staticmethod
    def forward(
        ctx: Any,
        emissions: Tensor,
        start: Tensor,
        transitions: Tensor,
        end: Tensor,
        tags: Tensor,
        mask: Tensor | None,
        mixing: int,
    ) -> Tensor:
        lattice = Lattice.of(emissions, Chain(start, transitions, end, mixing), mask)
        real = lattice.padding.mask
        tags = tags.masked_fill(~real, 0)
        log_z, d_emissions, d_transitions = path_sums(lattice)
        score = path_scores(lattice, tags)
        if any(ctx.needs_input_grad[:4]):
            gold = torch.zeros_like(d_emissions).scatter_(2, tags.unsqueeze(2), 1)
            gold *= real.unsqueeze(2)
            d_emissions = d_emissions.sub_(gold)
            # gold is 0 at padding: no transition starts at a row's last token
            d_transitions = d_transitions.sub_(gold[:, :-1].transpose(1, 2) @ gold[:, 1:])
            d_end = lattice.at_last(d_emissions)
            ctx.save_for_backward(d_emissions, d_transitions, d_end)
            ctx.dtypes = emissions.dtype, start.dtype
        # inf - inf would be nan where no path is allowed
        loss = torch.where(score == -math.inf, math.inf, log_z - score)
        loss = loss.masked_fill(lattice.padding.lengths == 0, 0)
        narrowest = torch.promote_types(emissions.dtype, start.dtype)
        return loss.to(torch.promote_types(narrowest, torch.float32))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        d_emissions, d_transitions, d_end = ctx.saved_tensors
        emissions_dtype, dtype = ctx.dtypes
        grad = grad.to(d_emissions.dtype).unsqueeze(0)  # (1, B)
        return (
            (d_emissions * grad.view(-1, 1, 1)).to(emissions_dtype),
            (grad @ d_emissions[:, 0])[0].to(dtype),
            (grad @ d_transitions.flatten(1))[0].view(d_transitions.shape[1:]).to(dtype),
            (grad @ d_end)[0].to(dtype),
            None,
            None,
            None,
        )
