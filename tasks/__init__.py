"""The task heads of nlpseq, one file each; installed as `nlpseq.tasks`."""
