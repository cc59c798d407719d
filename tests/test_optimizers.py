"""Each optimizer against its recurrence, written out for single numbers, and the schedules against theirs."""

from __future__ import annotations

import json
import math
import tracemalloc

import numpy as np
import pytest

from npseg import backend
from npseg.training import schedules
from npseg.training.optimizers import SGD, Adam, make

SHAPES = {"conv.w": (4, 3, 3, 3), "conv.b": (4,), "scale": ()}
RATES = [0.1, 0.1, 0.05, 0.02, 0.01]


def drawn(rng, dtype=np.float64):
    return {name: np.asarray(rng.normal(size=shape), dtype) for name, shape in SHAPES.items()}


def sgd_by_hand(p, grads, momentum, decay):
    v = 0.0
    for g, lr in zip(grads, RATES, strict=True):
        v = momentum * v + (g + decay * p)
        p = p - lr * v
    return p


def adam_by_hand(p, grads, beta1, beta2, eps, decay):
    m = s = 0.0
    for t, (g, lr) in enumerate(zip(grads, RATES, strict=True), start=1):
        g = g + decay * p
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g * g
        p = p - lr * (m / (1 - beta1**t)) / (math.sqrt(s / (1 - beta2**t)) + eps)
    return p


def assert_follows(optimizer, by_hand, rng):
    params = optimizer.params
    start = {name: p.copy() for name, p in params.items()}
    grads = [drawn(rng) for _ in RATES]
    for g, lr in zip(grads, RATES):
        optimizer.step(g, lr)
    for name, p in params.items():
        for place in np.ndindex(p.shape):
            expected = by_hand(start[name][place], [g[name][place] for g in grads])
            assert p[place] == pytest.approx(expected, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_follows_its_recurrence(momentum, decay):
    rng = np.random.default_rng(1)
    optimizer = SGD(drawn(rng), momentum=momentum, weight_decay=decay)
    assert_follows(optimizer, lambda p, g: sgd_by_hand(p, g, momentum, decay), rng)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adam_follows_its_recurrence(decay):
    rng = np.random.default_rng(2)
    optimizer = Adam(drawn(rng), betas=(0.8, 0.95), eps=1e-3, weight_decay=decay)
    assert_follows(optimizer, lambda p, g: adam_by_hand(p, g, 0.8, 0.95, 1e-3, decay), rng)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_parameter_with_factors_is_as_with_rate_and_decay_of_its_own(name):
    """Powers of two, so that the factors multiply without rounding."""
    apart, alone = drawn(np.random.default_rng(4)), drawn(np.random.default_rng(4))
    factors = {"rates": {"conv.b": 2.0}, "decays": {"conv.b": 0.5, "scale": 0.0}}
    optimizer = make(name, apart, weight_decay=0.25, **factors)
    others = {
        n: make(name, {n: p}, weight_decay=0.25 * factors["decays"].get(n, 1.0)) for n, p in alone.items()
    }
    rng = np.random.default_rng(5)
    for lr in RATES:
        grads = drawn(rng)
        optimizer.step(grads, lr)
        for n, other in others.items():
            other.step(grads, lr * factors["rates"].get(n, 1.0))
    assert all((apart[n] == alone[n]).all() for n in SHAPES)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"rates": {"conv.d": 2.0}}, "rates has 'conv.d', which is no parameter"),
        ({"rates": {"conv.b": -2.0}}, "rates of conv.b is -2.0"),
        ({"decays": {"conv.b": math.nan}}, "decays of conv.b=nan must be finite"),
    ],
)
def test_factors_are_of_parameters_and_not_negative(factors, message):
    with pytest.raises(ValueError, match=message):
        SGD(drawn(np.random.default_rng(0)), **factors)


@pytest.mark.parity
@pytest.mark.parametrize("decay", [0.0, 0.01])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_agrees_with_torch(name, decay):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    ours = drawn(rng)
    theirs = {n: torch.tensor(p.copy(), requires_grad=True) for n, p in ours.items()}
    settings = {"momentum": 0.9} if name == "sgd" else {}
    optimizer = make(name, ours, weight_decay=decay, **settings)
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[name]
    other = kind(list(theirs.values()), lr=1.0, weight_decay=decay, **settings)
    schedule = schedules.make("poly", total=20, lr=0.1)
    for step in range(20):
        grads = drawn(rng)
        for n, p in theirs.items():
            p.grad = torch.tensor(grads[n])
        other.param_groups[0]["lr"] = schedule(step)
        other.step()
        optimizer.step(grads, schedule(step))
    for n, p in theirs.items():
        assert np.allclose(ours[n], p.detach().numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["sgd", "adam"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_arrays_of_the_layers_change_in_place_and_the_gradients_do_not(name, dtype):
    rng = np.random.default_rng(4)
    params, grads = drawn(rng, dtype), drawn(rng, dtype)
    held, before = dict(params), {n: p.copy() for n, p in params.items()}
    kept = {n: g.copy() for n, g in grads.items()}
    for g in grads.values():
        g.flags.writeable = False
    optimizer = make(name, params, weight_decay=0.1)
    optimizer.step(grads, np.float64(0.1))
    for n in SHAPES:
        assert params[n] is held[n]
        assert params[n].dtype == dtype
        assert not np.any(params[n] == before[n])
        assert np.array_equal(grads[n], kept[n])
    assert all(a.dtype == dtype for n, a in optimizer.state().items() if n != "steps")


def test_a_view_of_a_larger_array_is_changed_where_it_lies():
    whole = np.ones((4, 6))
    SGD({"w": whole[:, ::2]}).step({"w": np.ones((4, 3))}, lr=0.5)
    assert whole.tolist() == [[0.5, 1.0] * 3] * 4


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_step_allocates_nothing_as_large_as_a_parameter(name):
    params = {"w": np.ones((2048, 4096), np.float32), "b": np.ones(4096, np.float32)}
    grads = {n: np.ones_like(p) for n, p in params.items()}
    optimizer = make(name, params, weight_decay=0.1)
    optimizer.step(grads, 0.1)
    tracemalloc.start()
    try:
        with backend.threads(2):
            optimizer.step(grads, 0.1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < params["w"].nbytes / 2


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_going_on_from_a_state_is_bit_for_bit_the_same(name):
    rng = np.random.default_rng(5)
    params, steps = drawn(rng, np.float32), [drawn(rng, np.float32) for _ in range(6)]
    straight, broken = ({n: p.copy() for n, p in params.items()} for _ in range(2))
    one, first = make(name, straight), make(name, broken)
    for g in steps:
        one.step(g, 0.01)
    for g in steps[:3]:
        first.step(g, 0.01)
    state = first.state()
    second = make(name, broken)
    second.load_state(state)
    for g in steps[3:]:
        second.step(g, 0.01)
    for n in SHAPES:
        assert np.array_equal(straight[n], broken[n])
    assert state["steps"] == 3, "the state is a copy"


def test_a_state_that_does_not_fit_changes_nothing():
    optimizer = SGD({"a": np.ones(3), "b": np.ones(2)})
    optimizer.step({"a": np.ones(3), "b": np.ones(2)}, 0.1)
    before = optimizer.state()
    for broken in (
        Adam({"a": np.ones(3), "b": np.ones(2)}).state(),
        SGD({"a": np.ones(3)}).state(),
        SGD({"a": np.ones(3), "b": np.ones(5)}).state(),
        SGD({"a": np.ones(3), "b": np.ones(2), "c": np.ones(1)}).state(),
    ):
        with pytest.raises(ValueError, match="the state of SGD: of another network"):
            optimizer.load_state(broken)
    for name, array in optimizer.state().items():
        assert np.array_equal(array, before[name])


@pytest.mark.parametrize(
    ("grads", "error", "message"),
    [
        ({"a": np.ones(3)}, ValueError, "no gradient of 'b'"),
        ({"a": np.ones(3), "b": None}, ValueError, "no gradient of 'b'"),
        (
            {"a": np.ones(3), "b": np.ones(())},
            ValueError,
            r"gradient of 'b' has shape \(\), the parameter \(2,\)",
        ),
        ({"a": np.ones(3), "b": np.ones(2, np.float32)}, TypeError, "'b' is float32, the parameter float64"),
    ],
)
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_wrong_gradient_is_refused_by_name_before_anything_changes(name, grads, error, message):
    params = {"a": np.ones(3), "b": np.ones(2)}
    optimizer = make(name, params)
    with pytest.raises(error, match=message):
        optimizer.step(grads, 0.1)
    assert params["a"].tolist() == [1, 1, 1]
    assert optimizer.state()["steps"] == 0


def test_a_part_of_a_network_can_be_trained_alone():
    head = np.ones(2)
    SGD({"head": head}).step({"head": np.ones(2), "trunk": np.ones(9)}, 0.5)
    assert head.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf])
def test_a_wrong_rate_is_refused(lr):
    with pytest.raises(ValueError, match="optimizer: lr"):
        SGD({"a": np.ones(3)}).step({"a": np.ones(3)}, lr)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sgd", {"momentum": 1.0}, "momentum contains 1.0"),
        ("sgd", {"weight_decay": -1.0}, "weight_decay is -1.0"),
        ("adam", {"betas": (0.9, 1.5)}, "betas contains 1.5"),
        ("adam", {"eps": -1e-8}, "eps is -1e-08"),
        ("rmsprop", {}, "optimizer 'rmsprop': choose one of 'sgd', 'adam'"),
    ],
)
def test_wrong_settings_are_refused(name, settings, message):
    with pytest.raises(ValueError, match=message):
        make(name, {"a": np.ones(3)}, **settings)


def test_poly_is_its_formula():
    schedule = schedules.make("poly", total=100, lr=0.1, power=0.9)
    assert [schedule(t) for t in (0, 50, 100)] == pytest.approx([0.1, 0.1 * 0.5**0.9, 0.0], abs=1e-15)
    rates = [schedule(t) for t in range(101)]
    assert rates == sorted(rates, reverse=True)


def test_step_decay_falls_at_every_multiple():
    schedule = schedules.make("step", lr=1.0, every=3, factor=0.5)
    assert [schedule(t) for t in range(7)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]


def test_a_schedule_survives_json():
    for settings in (
        {"name": "constant", "lr": 0.3},
        {"name": "poly", "lr": 0.1, "total": 7},
        {"name": "step", "lr": 0.1, "every": 2},
    ):
        again = schedules.make(**json.loads(json.dumps(settings)))
        assert [again(t) for t in range(7)] == [schedules.make(**settings)(t) for t in range(7)]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"name": "cosine", "lr": 0.1}, ValueError, "schedule 'cosine': choose one of"),
        ({"name": "poly", "lr": 0.1}, TypeError, "total"),
        ({"name": "poly", "lr": 0.1, "total": 0}, ValueError, "total"),
        ({"name": "step", "lr": 0.1, "every": 0}, ValueError, "every is 0"),
        ({"name": "constant", "lr": 0.1, "every": 3}, TypeError, "every"),
    ],
)
def test_wrong_schedules_are_refused_when_they_are_made(settings, error, message):
    with pytest.raises(error, match=message):
        schedules.make(**settings)


@pytest.mark.parametrize("step", [-1, 101])
def test_poly_knows_where_the_training_ends(step):
    with pytest.raises(ValueError, match=rf"step {step} is not within 0 \.\.\. 100"):
        schedules.poly(step, 100, lr=0.1)
