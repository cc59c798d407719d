"""What only a device can show: that a run is the host's but for rounding, repeats itself, waits for nothing, and does
not grow.

That nothing waits is seen in two ways. CuPy refuses to bring anything to the host, where it is told to, but does not
know of every wait. So the device is also kept busy for a while: who has waited for it comes back when it is done.

Skipped where CuPy finds no device. The operations, layers, networks and the stand-in's misuses are held against CuPy in
``test_device.py``, ``test_backend.py`` and ``test_stand_in.py``, whose fixture ``device`` is CuPy where it answers.
"""

import contextlib
import os
import warnings
from dataclasses import replace

import numpy as np
import pytest
import test_device as everywhere
from checks import assert_same

import npseg
from npseg import backend, demo
from npseg.data import InMemory, Scenes, batches, open_dataset
from npseg.networks import NETWORKS
from npseg.training import SGD, Run, Settings

pytestmark = pytest.mark.gpu

SCENES = InMemory(Scenes(24, seed=0))


#: A folder of CamVid, as SegNet's tutorial has it: the environment says where, and without it that test is skipped.
CAMVID = os.environ.get("NPSEG_CAMVID")

#: A kernel that does nothing for some nanoseconds.
KEEP_BUSY = r"""
extern "C" __global__ void keep_busy(long long nanoseconds) {
    long long began, now;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(began));
    do { asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now)); } while (now - began < nanoseconds);
}
"""


@contextlib.contextmanager
def assert_nothing_waits(cupy, seconds=0.5):
    """Keep the device busy, and assert that what the block does has been asked for before the device is free again."""
    keep_busy = cupy.RawKernel(KEEP_BUSY, "keep_busy")
    keep_busy((1,), (1,), (np.int64(0),))  # compiled here
    cupy.cuda.Device().synchronize()
    keep_busy((1,), (1,), (np.int64(seconds * 1e9),))
    free = cupy.cuda.Event()
    free.record()
    yield
    assert not free.done, "something has waited for the device"


def started():
    """Begin the demo's run."""
    return Run.start(demo.NETWORK, replace(demo.SETTINGS, epochs=4), SCENES, SCENES)


def losses(run, steps=3):
    """Return the losses of a run's first steps."""
    settings = run.settings
    coming = batches(run.train, settings.batch_size, run.normalization, seed=settings.seed, epoch=0)
    return [run.train_step(*batch) for _, batch in zip(range(steps), coming)]


@pytest.mark.parametrize("stack", [(), (3,)])
def test_products_are_of_float32_as_it_is(gpu, stack):
    """The short TF32 would round these to 1."""
    x = gpu.full((*stack, 64, 64), 1 + 2**-20, "float32")
    assert_same(backend.to_numpy(x @ gpu.eye(64, dtype="float32")), backend.to_numpy(x))


def test_the_demo_has_the_hosts_losses_but_for_rounding(gpu):
    with backend.use("numpy"):
        expected = losses(started())
    np.testing.assert_allclose(losses(started()), expected, rtol=1e-3)


@pytest.mark.skipif(not CAMVID, reason="$NPSEG_CAMVID does not say where CamVid is")
def test_a_run_on_camvid_has_the_hosts_losses_but_for_rounding(gpu):
    """The network that ``npseg train`` makes, without dropout, whose masks are each library's own; and at a low rate.

    Rounding grows from step to step: at the rate of a real run two orders of summing part by a hundredth in ten steps.
    """
    train, val = (open_dataset(CAMVID, split) for split in ("train", "val"))
    settings = Settings(batch_size=4, lr=0.01, crop=(128, 176), balance=0.5, epochs=1)
    network = {"name": "fcn8s", "width": 16, "fc": 128, "dropout": 0.0}

    def steps():
        run = Run.start(network, settings, train, val)
        coming = batches(
            train, 4, run.normalization, seed=settings.seed, epoch=0, crop=settings.crop, flip=settings.flip
        )
        return [run.train_step(*batch) for _, batch in zip(range(10), coming)]

    with backend.use("numpy"):
        expected = steps()
    found = steps()
    print("\nlosses on the host:  ", *(f"{loss:.6f}" for loss in expected))
    print("losses on the device:", *(f"{loss:.6f}" for loss in found))
    np.testing.assert_allclose(found, expected, rtol=1e-3)


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


OPERATIONS = everywhere.cases(everywhere.EXACT | everywhere.ROUNDED)


@pytest.mark.parametrize(("name", "arguments", "options"), OPERATIONS)
def test_no_operation_waits_for_the_device(gpu, name, arguments, options):
    arguments, options = everywhere.to(gpu, arguments), {k: everywhere.to(gpu, v) for k, v in options.items()}
    forward, backward = getattr(npseg, f"{name}_forward"), getattr(npseg, f"{name}_backward")
    y, cache = forward(*arguments, **options)
    dout = gpu.ones_like(y)
    for _ in range(2):  # both make what is kept; and the second time, the memory that two results take
        backward(dout, cache)
        y, cache = forward(*arguments, **options)
    with assert_nothing_waits(gpu):
        _, cache = forward(*arguments, **options)
        backward(dout, cache)


@pytest.mark.parametrize("name", ["sliding-window", "full-resolution"])
def test_no_step_waits_for_the_device(gpu, name):
    """Of networks so small that a step fits into the queue of what a device has still to do, about a thousand calls."""
    x, labels = map(gpu.asarray, everywhere.batch())
    network = everywhere.tiny(name)
    everywhere.trained(network, x, labels, SGD)
    optimizer = SGD(network.params)
    with assert_nothing_waits(gpu, seconds=1):
        network.learn(x, labels)
        optimizer.step(network.grads, 0.01)


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_comes_back_in_a_step_of_any_network(gpu, name):
    import cupyx

    x, labels = map(gpu.asarray, everywhere.batch())
    network = everywhere.tiny(name)
    everywhere.trained(network, x, labels, SGD)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CuPy says that it cannot see every kind of waiting
        with cupyx.allow_synchronize(False):
            found = everywhere.trained(network, x, labels, SGD)
    assert all(np.isfinite(backend.to_numpy(a)).all() for a in found)


def test_a_long_run_does_not_grow(gpu):
    run, pool = started(), gpu.get_default_memory_pool()
    x, labels = next(iter(batches(run.train, 8, run.normalization, seed=0, epoch=0)))
    used = []
    for _ in range(12):
        run.train_step(x, labels)
        used.append((pool.used_bytes(), pool.total_bytes()))
    assert used[-1] == used[3], "after the first steps, which make what is kept"
