"""What only a device can show: that a run is the host's but for rounding, repeats itself, waits for nothing, and does
not grow.

Skipped where CuPy finds no device. The operations, layers, networks and the stand-in's misuses are held against CuPy in
``test_device.py``, ``test_backend.py`` and ``test_stand_in.py``, whose fixture ``device`` is CuPy where it answers.
"""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from checks import assert_same

from npseg import backend, demo
from npseg.data import InMemory, Scenes, batches
from npseg.training import Run

pytestmark = pytest.mark.gpu

SCENES = InMemory(Scenes(24, seed=0))


def started():
    """Begin the demo's run."""
    return Run.start(demo.NETWORK, replace(demo.SETTINGS, epochs=4), SCENES, SCENES)


def losses(run, steps=3):
    """Return the losses of a run's first steps."""
    settings = run.settings
    coming = batches(run.train, settings.batch_size, run.normalization, seed=settings.seed, epoch=0)
    return [run.train_step(*batch) for _, batch in zip(range(steps), coming)]


def test_the_demo_has_the_hosts_losses_but_for_rounding(gpu):
    with backend.use("numpy"):
        expected = losses(started())
    np.testing.assert_allclose(losses(started()), expected, rtol=1e-3)


def test_a_run_repeats_itself_to_the_bit(gpu):
    one, two = started(), started()
    assert losses(one) == losses(two)
    for name, w in one.weights.items():
        assert_same(backend.to_numpy(w), backend.to_numpy(two.weights[name]))


def test_nothing_inside_a_step_waits_for_the_device(gpu):
    import cupyx

    run = started()
    losses(run)
    x, labels = next(iter(batches(run.train, 8, run.normalization, seed=0, epoch=0)))
    x, labels = gpu.asarray(x), gpu.asarray(labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CuPy says that it cannot see every kind of waiting
        with cupyx.allow_synchronize(False):
            loss = run.network.learn(x, labels)
            run.optimizer.step(run.network.grads, 0.1)
    assert np.isfinite(backend.to_numpy(loss))


def test_a_long_run_does_not_grow(gpu):
    run, pool = started(), gpu.get_default_memory_pool()
    x, labels = next(iter(batches(run.train, 8, run.normalization, seed=0, epoch=0)))
    used = []
    for _ in range(12):
        run.train_step(x, labels)
        used.append((pool.used_bytes(), pool.total_bytes()))
    assert used[-1] == used[3], "after the first steps, which make what is kept"
