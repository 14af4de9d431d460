"""Training: the one loop, and its parts. Read `trainer` first, then `train_step` and `train_state`.

module             | contents
-------------------|-------------------------------------------------------------------------
trainer            | `Trainer`: fit and evaluate; the loop over training steps
train_step         | one step: forward, backward, clipping, optimiser
train_state        | everything that changes during training; `snapshot` turns it into tensors
progress           | steps and epochs made, and the length of a run
optimization       | optimisers, penalties, clipping; `schedules`: learning rates
averaging          | averages of the weights
evaluation         | scores of a split
checkpoint         | checkpoints on disk; `checkpoint_manager`: which to write, keep and resume
history, reporters | history.jsonl; progress on the terminal
interrupt          | Ctrl-C and SIGTERM
"""
