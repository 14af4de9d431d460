"""What is drawn and written after a run."""
