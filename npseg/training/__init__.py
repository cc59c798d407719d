"""Training: optimizers, schedules, the loop, metrics and checkpoints."""

from npseg.training.balance import class_weights
from npseg.training.checkpoints import Checkpoint
from npseg.training.color import ColorClassifier
from npseg.training.evaluation import evaluate
from npseg.training.loop import Interrupted, Run, load_labeller
from npseg.training.metrics import Metrics, confusion_matrix, metrics, report
from npseg.training.optimizers import SGD, Adam
from npseg.training.pretrained import Pretrained, read_weights
from npseg.training.settings import Settings
from npseg.training.two_stage import two_stage

__all__ = [
    "SGD",
    "Adam",
    "Checkpoint",
    "ColorClassifier",
    "Interrupted",
    "Metrics",
    "Pretrained",
    "Run",
    "Settings",
    "class_weights",
    "confusion_matrix",
    "evaluate",
    "load_labeller",
    "metrics",
    "read_weights",
    "report",
    "two_stage",
]
