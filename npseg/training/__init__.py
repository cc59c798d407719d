"""Training: optimizers, schedules, the loop, metrics and checkpoints."""

from npseg.training.balance import class_weights
from npseg.training.checkpoints import Checkpoint
from npseg.training.clipping import clip_by_norm
from npseg.training.color import ColorClassifier
from npseg.training.evaluation import each_confusion, evaluate
from npseg.training.history import best_epoch, write_csv
from npseg.training.interrupts import Interrupted
from npseg.training.loop import Run
from npseg.training.metrics import Metrics, confusion_matrix, metrics, report
from npseg.training.optimizers import SGD, Adam
from npseg.training.per_class import PerClass, class_table, per_class
from npseg.training.pretrained import Pretrained, read_weights, write_weights
from npseg.training.sanity import Sanity, sanity
from npseg.training.settings import Settings
from npseg.training.trained import load_labeller
from npseg.training.two_stage import two_stage

__all__ = [
    "SGD",
    "Adam",
    "Checkpoint",
    "ColorClassifier",
    "Interrupted",
    "Metrics",
    "PerClass",
    "Pretrained",
    "Run",
    "Sanity",
    "Settings",
    "best_epoch",
    "class_table",
    "class_weights",
    "clip_by_norm",
    "confusion_matrix",
    "each_confusion",
    "evaluate",
    "load_labeller",
    "metrics",
    "per_class",
    "read_weights",
    "report",
    "sanity",
    "two_stage",
    "write_csv",
    "write_weights",
]
