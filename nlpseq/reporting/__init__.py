"""Everything that people read: tables, predictions, coloured text, model cards and figures of a run."""
