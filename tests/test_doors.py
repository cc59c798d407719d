"""Every public function and class of layers, networks, data, training and labelling is in a table of refusals."""

import importlib

import pytest
import test_refusals
import test_refusals_data
import test_refusals_layers
import test_refusals_training
from test_docs import MODULES, public

OURS = ("npseg.layers", "npseg.networks", "npseg.data", "npseg.training", "npseg.predict", "npseg.pretrained")

TABLES = (
    *(test_refusals.CALLS, test_refusals_layers.CALLS, test_refusals_layers.RUN),
    *(test_refusals_data.CALLS, test_refusals_data.ON_DISK, test_refusals_data.CONSTRUCTORS),
    *(test_refusals_training.CALLS, test_refusals_training.ON_DISK),
)

#: What is in none, with the reason.
EXCEPTIONS = {
    "Layer": "a base class, without arguments",
    "Network": "a base class; its learn is in a table",
    "Switches": "a record; the layer that takes one looks at it",
    "Report": "a record that is returned",
    "Metrics": "a record that is returned; report looks at it",
    "PerClass": "a record that is returned",
    "Sanity": "a record that is returned",
    "Survey": "a record that is returned",
    "Dataset": "a protocol",
    "Interrupted": "an exception",
}

MODULES_OF_OURS = [name for name in (*MODULES, "npseg.pretrained") if name.startswith(OURS)]
CALLABLE = [
    (module, name)
    for module in MODULES_OF_OURS
    for name in public(importlib.import_module(module))
    if callable(getattr(importlib.import_module(module), name))
]


@pytest.mark.parametrize(("module", "name"), CALLABLE)
def test_every_public_name_is_in_a_table(module, name):
    assert any(name in table for table in TABLES) or name in EXCEPTIONS


def test_no_exception_has_gone():
    assert set(EXCEPTIONS) <= {name for _, name in CALLABLE}
