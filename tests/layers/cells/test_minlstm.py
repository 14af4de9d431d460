"""The minLSTM agrees with the paper's equations; the tests of all cells cover it too."""

import torch

from nlpseq.layers.cells.minlstm import MinLSTMCell


def test_one_step_by_hand() -> None:
    cell = MinLSTMCell(2, 1)
    with torch.no_grad():
        cell.weight_ih.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
        cell.bias_ih.copy_(torch.tensor([0.5, -0.5, 0.25]))
    x, h = torch.tensor([[0.3, -0.7]]), torch.tensor([[2.0]])
    forget, entering = torch.sigmoid(torch.tensor(0.8)), torch.sigmoid(torch.tensor(-1.2))
    total = forget + entering
    expected = forget / total * 2.0 + entering / total * (0.3 - 0.7 + 0.25)
    for run in (cell.equations, cell.step):
        torch.testing.assert_close(run(x, (h,))[0], expected.view(1, 1))


def test_the_gates_sum_to_one() -> None:
    cell = MinLSTMCell(6, 8)
    gates = cell.gates(torch.randn(5, 6), (torch.zeros(5, 8),))
    assert [*gates] == ["forget", "input", "candidate"]
    torch.testing.assert_close(gates["forget"] + gates["input"], torch.ones(5, 8))


def test_the_fast_forms_are_stable_for_large_inputs() -> None:
    cell = MinLSTMCell(1, 1)
    with torch.no_grad():
        cell.weight_ih.copy_(torch.tensor([[-1.0], [-1.0], [1.0]]))
        cell.bias_ih.zero_()
    x, h = torch.tensor([[200.0]]), torch.tensor([[0.0]])
    torch.testing.assert_close(
        cell.step(x, (h,))[0], torch.tensor([[100.0]])
    )  # f = i: half of each
    torch.testing.assert_close(cell.sweep(x.unsqueeze(0), (h,))[0][0], torch.tensor([[100.0]]))
