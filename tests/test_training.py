"""A run that was stopped goes on bit for bit, judging changes nothing, and what does not fit is refused by name."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace

import numpy as np
import pytest

from npseg import backend
from npseg.data import VOID, InMemory, Scenes, mean_and_std
from npseg.ops.loss import cross_entropy_forward
from npseg.training import ColorClassifier, Interrupted, Run, Settings, checkpoints, evaluate, load_labeller
from npseg.training.loop import CHECKPOINT
from npseg.training.metrics import mean_iou_of_present

NETWORK = {"name": "fcn8s", "width": 1, "fc": 4, "dropout": 0.3}
TRAIN, VAL = InMemory(Scenes(6, size=(32, 40))), InMemory(Scenes(2, size=(32, 40), seed=1))
RECIPES = {
    "sgd": Settings(epochs=2, batch_size=2, lr=0.02, seed=3),
    "adam, cropped": Settings(epochs=2, batch_size=2, lr=0.01, optimizer="adam", crop=(40, 32), seed=4),
    "summed, biases apart": Settings(
        epochs=2, batch_size=2, lr=1e-5, reduction="sum", bias_rate=2.0, bias_decay=0.0, seed=5
    ),
}


class Pictures:
    """A dataset of the pairs that it is given."""

    def __init__(self, *pairs, classes=("dark", "light", "red")):
        self.pairs = [(np.array(image, np.uint8), np.array(labels, np.uint8)) for image, labels in pairs]
        self.classes, self.names = classes, [str(i) for i in range(len(pairs))]
        self.colors = np.zeros((len(classes), 3), np.uint8)

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        return self.pairs[i]


def start(settings=RECIPES["sgd"], *, train=TRAIN, val=VAL, **network):
    return Run.start(NETWORK | network, settings, train, val)


def fitted(run, folder=None, **options):
    run.fit(folder, progress=False, **options)
    return run


def resumed(folder, **options):
    checkpoint = checkpoints.load(folder / CHECKPOINT)
    return Run.resume(checkpoint, options.pop("train", TRAIN), VAL, what=str(folder / CHECKPOINT))


def bits(run):
    """Return all that a run has become, but for how long it took."""
    arrays = run.weights | run.optimizer.state()
    history = [{k: v for k, v in record.items() if k != "seconds"} for record in run.history]
    return {name: a.tobytes() for name, a in arrays.items()}, (run.epoch, run.step), history


@pytest.fixture(scope="module")
def undisturbed():
    return {name: bits(fitted(start(settings))) for name, settings in RECIPES.items()}


@pytest.fixture
def interrupting(monkeypatch):
    """Return a function that makes Ctrl-C come during some step, so many times."""
    # What a shell starts in the background ignores Ctrl-C, and so would this process the second one.
    outer = signal.signal(signal.SIGINT, signal.default_int_handler)

    def at(call, times=1):
        train_step, calls = Run.train_step, iter(range(1, 100))

        def step(run, x, labels):
            if next(calls) == call:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)  # to this thread, which handles one before the next
            return train_step(run, x, labels)

        monkeypatch.setattr(Run, "train_step", step)

    yield at
    signal.signal(signal.SIGINT, outer)


@pytest.mark.parametrize("recipe", RECIPES)
def test_continued_after_an_epoch_it_ends_with_the_same_bits(tmp_path, undisturbed, recipe):
    class Enough(Exception):
        pass

    def stop(run):
        raise Enough

    with pytest.raises(Enough):
        fitted(start(RECIPES[recipe]), tmp_path, after_epoch=stop)
    run = resumed(tmp_path)
    assert (run.epoch, run.step) == (1, 0)
    assert bits(fitted(run)) == undisturbed[recipe]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(("call", "epoch", "step"), [(1, 0, 1), (3, 0, 3), (5, 1, 2)])
def test_stopped_by_ctrl_c_it_ends_with_the_same_bits(
    tmp_path, undisturbed, interrupting, recipe, call, epoch, step
):
    interrupting(call)
    with pytest.raises(Interrupted):
        fitted(start(RECIPES[recipe]), tmp_path)
    run = resumed(tmp_path)
    assert (run.epoch, run.step) == (epoch, step), "the step was finished"
    assert bits(fitted(run)) == undisturbed[recipe]


def test_stopped_again_and_again_it_ends_with_the_same_bits(tmp_path, undisturbed, interrupting):
    run, stops = start(), 0
    while run.epoch < 2:
        interrupting(1)
        try:
            fitted(run, tmp_path)
        except Interrupted:
            run, stops = resumed(tmp_path), stops + 1
    assert stops == 6
    assert bits(run) == undisturbed["sgd"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("batch_size", 3),
        ("optimizer", "adam"),
        ("lr", 0.01),
        ("momentum", 0.5),
        ("weight_decay", 0.1),
        ("bias_rate", 2.0),
        ("bias_decay", 0.0),
        ("schedule", "constant"),
        ("crop", (32, 32)),
        ("flip", False),
        ("balance", 0.5),
        ("seed", 5),
    ],
)
def test_every_setting_makes_a_difference(undisturbed, setting, value):
    other = fitted(start(replace(RECIPES["sgd"], **{setting: value})))
    assert bits(other)[0] != undisturbed["sgd"][0]


@pytest.mark.parametrize("method", ["auto", "im2col"])
def test_the_bits_do_not_depend_on_the_number_of_threads(method):
    """Wide enough for Winograd's method, and for several pieces of everything."""
    scenes = InMemory(Scenes(4, size=(64, 80)))
    recipe = Settings(epochs=1, batch_size=4, seed=3)
    found = []
    for threads in (1, 2, 3):
        with backend.threads(threads):
            run = start(recipe, train=scenes, val=scenes, width=16, fc=8, method=method)
            found.append(bits(fitted(run)))
    assert found[0] == found[1] == found[2]


def test_every_step_draws_anew(monkeypatch):
    run, drawn = start(), []
    train = run.network.train
    monkeypatch.setattr(
        run.network, "train", lambda rng: drawn.append(str(rng.bit_generator.state)) or train(rng)
    )
    fitted(run)
    assert len(set(drawn)) == len(drawn) == 6


def test_the_loss_of_an_epoch_is_the_mean_over_its_steps(monkeypatch):
    run, losses = start(), []
    step = run.train_step
    monkeypatch.setattr(run, "train_step", lambda *batch: losses.append(step(*batch)) or losses[-1])
    fitted(run)
    assert [record["loss"] for record in run.history] == [sum(losses[:3]) / 3, sum(losses[3:]) / 3]


def test_a_second_ctrl_c_stops_at_once(tmp_path, interrupting):
    interrupting(2, times=2)
    run = start()
    with pytest.raises(KeyboardInterrupt) as stop:
        fitted(run, tmp_path)
    assert not isinstance(stop.value, Interrupted)
    assert run.step == 1, "the second step was not made"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("times", [0, 1, 2])
def test_the_handler_of_ctrl_c_is_put_back(interrupting, times):
    before = signal.getsignal(signal.SIGINT)
    interrupting(1, times)
    try:
        fitted(start())
    except KeyboardInterrupt:
        assert times
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_that_is_ignored_stays_so(interrupting, undisturbed):
    """A shell's script starts ``npseg train &`` so that Ctrl-C, which is for the script, does not reach it."""
    interrupting(2)
    outer = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run = start()
        fitted(run)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, outer)
    assert bits(run) == undisturbed["sgd"]


def test_a_run_in_another_thread_leaves_signals_alone(undisturbed):
    run = start()
    thread = threading.Thread(target=fitted, args=(run,))
    thread.start()
    thread.join()
    assert bits(run) == undisturbed["sgd"]


def test_evaluation_changes_nothing():
    run = start()
    before = bits(run)
    matrix = evaluate(run.labeller, VAL, progress=False)
    assert matrix.sum() == sum((labels != VOID).sum() for _, labels in VAL)
    assert bits(run) == before


def test_what_a_run_is_judged_by_does_not_change_what_it_learns(undisturbed):
    other = fitted(start(val=InMemory(Scenes(3, size=(40, 32), seed=9))))
    assert bits(other)[0] == undisturbed["sgd"][0]
    assert bits(other)[2] != undisturbed["sgd"][2]


def test_the_history_has_the_figures_of_each_epoch():
    seen = []
    run = fitted(start(), after_epoch=lambda run: seen.append(len(run.history)))
    assert seen == [1, 2]
    figures = {"pixel_accuracy", "mean_accuracy", "mean_iou", "frequency_weighted_iou"}
    others = {"epoch", "loss", "mean_iou_of_present", "seconds"}
    assert [set(record) for record in run.history] == 2 * [others | figures]
    assert [record["epoch"] for record in run.history] == [1, 2]
    found = mean_iou_of_present(evaluate(run.labeller, VAL, progress=False))
    assert run.history[-1]["mean_iou_of_present"] == found


def test_a_checkpoint_is_a_snapshot(undisturbed):
    taken = []
    run = fitted(start(), after_epoch=lambda run: taken.append(run.checkpoint()))
    first, second = (Run.resume(taken[0], TRAIN, VAL) for _ in range(2))
    assert bits(fitted(first)) == bits(fitted(second)) == bits(run) == undisturbed["sgd"]


def other_classes():
    scenes = Scenes(6, size=(32, 40))
    scenes.classes = ("lawn", *scenes.classes[1:])
    return scenes


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (other_classes(), f"{CHECKPOINT} was trained on the classes grass, .*; the data have lawn, "),
        (Scenes(7, size=(32, 40)), f"{CHECKPOINT}: the data have 7 training images"),
    ],
)
def test_a_run_on_other_data_is_not_continued(tmp_path, train, message):
    checkpoints.save(tmp_path / CHECKPOINT, start().checkpoint())
    with pytest.raises(ValueError, match=message):
        resumed(tmp_path, train=train)


def test_a_checkpoint_of_another_network_is_refused_and_named(tmp_path):
    path = tmp_path / CHECKPOINT
    for network, message in (
        (NETWORK | {"classes": 4, "width": 2}, "of another network: misshapen"),
        (NETWORK | {"classes": 4, "name": "vgg"}, "network 'vgg': choose one of"),
        (NETWORK | {"classes": 5}, "of another network|classes"),
        ({"width": 2}, "name"),
    ):
        checkpoint = start().checkpoint()
        checkpoint.network = network
        checkpoints.save(path, checkpoint)
        for read in (load_labeller, lambda path: resumed(path.parent)):
            with pytest.raises(ValueError, match=f"{path}: .*({message})"):
                read(path)


def test_a_truncated_checkpoint_is_refused_and_named(tmp_path):
    path = tmp_path / CHECKPOINT
    checkpoints.save(path, start().checkpoint())
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match=f"{path}: not a checkpoint, or damaged"):
        load_labeller(path)


def test_the_state_of_another_optimizer_is_refused():
    checkpoint = start().checkpoint()
    checkpoint.progress["settings"]["optimizer"] = "adam"
    with pytest.raises(ValueError, match="the state of Adam"):
        Run.resume(checkpoint, TRAIN, VAL)


def test_a_trained_network_labels_as_the_run_did(tmp_path):
    run = fitted(start(), tmp_path)
    labeller, image = load_labeller(tmp_path / CHECKPOINT), VAL[0][0]
    assert labeller.scores(image).tobytes() == run.labeller.scores(image).tobytes()
    assert labeller.classes == TRAIN.classes
    assert labeller.colors.tolist() == TRAIN.colors.tolist()


@pytest.mark.parametrize("rate", [1e6, 1e30])
def test_a_loss_that_diverges_says_to_lower_the_rate(tmp_path, rate):
    run = start(Settings(epochs=3, batch_size=2, lr=rate, momentum=0), batch_norm=False)
    with pytest.raises(FloatingPointError, match="diverged; try a lower learning rate than 1e"):
        fitted(run, tmp_path)


def rates(monkeypatch, **settings):
    run, seen = start(Settings(batch_size=2, **settings)), []
    step = run.optimizer.step
    monkeypatch.setattr(run.optimizer, "step", lambda g, rate: (seen.append(rate), step(g, rate)))
    fitted(run)
    return seen


def test_the_rate_falls_as_scheduled_step_by_step(monkeypatch):
    poly = rates(monkeypatch, epochs=2, lr=0.1)
    np.testing.assert_allclose(poly, [0.1 * (1 - k / 6) ** 0.9 for k in range(6)])
    decayed = rates(monkeypatch, epochs=3, lr=0.1, schedule="step", lr_step=2)
    np.testing.assert_allclose(decayed, 6 * [0.1] + 3 * [0.01])
    assert rates(monkeypatch, epochs=1, lr=0.1, schedule="constant") == 3 * [0.1]


def test_the_optimizer_gets_its_settings():
    sgd = start(Settings(momentum=0.5, weight_decay=0.25)).optimizer
    assert (type(sgd).__name__, sgd.momentum, sgd.weight_decay) == ("SGD", 0.5, 0.25)
    adam = start(Settings(optimizer="adam", weight_decay=0.25)).optimizer
    assert (type(adam).__name__, adam.weight_decay) == ("Adam", 0.25)


def test_biases_have_rates_and_decays_of_their_own():
    optimizer = start(Settings(bias_rate=2.0, bias_decay=0.0), batch_norm=False).optimizer
    for name in optimizer.params:
        factors = (2, 0) if name.endswith(".b") else (1, 1)
        assert (optimizer.rates[name], optimizer.decays[name]) == factors
    assert len({name[-1] for name in optimizer.params}) == 2


def test_a_summed_loss_is_the_mean_times_the_pixels_that_count():
    run = start(dropout=0.0)
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((2, 3, 32, 40)).astype("float32"), rng.integers(4, size=(2, 32, 40))
    labels[:, :5] = VOID
    counted = (labels != VOID).sum()
    mean = run.network.learn(x, labels)
    gradients = {name: g.copy() for name, g in run.network.grads.items()}
    np.testing.assert_allclose(run.network.learn(x, labels, reduction="sum"), mean * counted, rtol=1e-5)
    name = "to_score.score_fr.w"
    np.testing.assert_allclose(run.network.grads[name], gradients[name] * counted, rtol=1e-3, atol=1e-3)
    run = start(Settings(reduction="sum"), dropout=0.0)
    np.testing.assert_allclose(run.train_step(x, labels), mean * counted, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"lr_step": 0}, "lr_step=0"),
        ({"seed": -1}, "seed=-1"),
        ({"optimizer": "rprop"}, "optimizer='rprop'; choose one of 'sgd', 'adam'"),
        ({"schedule": "cosine"}, "schedule='cosine'; choose one of"),
        ({"momentum": 1.0}, "momentum"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"bias_rate": -1.0}, "rates of layer.b is -1"),
        ({"bias_decay": -1.0}, "decays of layer.b is -1"),
        ({"reduction": "none"}, "reduction='none'; choose one of 'mean', 'sum'"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        start(Settings(**settings))


def test_void_counts_in_no_loss():
    run = start(Settings(momentum=0, weight_decay=0), dropout=0.0)
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((2, 3, 32, 40)).astype("float32"), np.full((2, 32, 40), VOID)
    before = {name: p.copy() for name, p in run.network.params.items()}
    assert run.train_step(x, labels) == 0
    assert all(np.array_equal(p, before[name]) for name, p in run.network.params.items())
    labels[0, :3] = 2
    expected, _ = cross_entropy_forward(run.network.forward(x)[:1, :, :3], labels[:1, :3])
    assert run.train_step(x, labels) == pytest.approx(float(expected), rel=1e-6)


BLACK, GREY, WHITE, RED = (0, 0, 0), (90, 90, 90), (255, 255, 255), (250, 10, 10)
BY_HAND = Pictures(
    ([[BLACK, BLACK, WHITE], [RED, GREY, GREY]], [[0, 0, 1], [2, 1, VOID]]),
    ([[BLACK, GREY, GREY]], [[1, 0, 0]]),
)


def test_the_colour_classifier_calls_a_colour_what_it_mostly_was():
    classifier = ColorClassifier(BY_HAND)
    image = np.array([[BLACK, GREY, WHITE, RED, (12, 3, 15), (0, 255, 0)]], np.uint8)
    assert classifier.labels(image).tolist() == [[0, 0, 1, 2, 0, 0]]
    assert classifier.labels(image).dtype == np.uint8


def test_the_colour_classifier_does_not_count_void():
    void = Pictures(([[BLACK] * 5 + [WHITE]], [[VOID] * 3 + [2, 2, 1]]))
    assert ColorClassifier(void).labels(np.array([[BLACK, WHITE, RED]], np.uint8)).tolist() == [[2, 1, 2]]


def test_the_colour_classifier_sees_all_three_channels():
    colors = [[(200, 0, 0), (0, 200, 0), (0, 0, 200), BLACK]]
    picture = Pictures((colors, [[0, 1, 2, 3]]), classes=("r", "g", "b", "none"))
    assert ColorClassifier(picture).labels(picture[0][0]).tolist() == [[0, 1, 2, 3]]


def test_evaluate_is_the_confusion_matrix_by_hand():
    class ByRow:
        def labels(self, image):
            return np.broadcast_to(np.arange(len(image))[:, None], image.shape[:2])

    assert evaluate(ByRow(), BY_HAND, progress=False).tolist() == [[4, 0, 0], [2, 1, 0], [0, 1, 0]]


def test_evaluate_needs_an_image():
    with pytest.raises(ValueError, match="holds no image"):
        evaluate(None, Pictures(), progress=False)


def test_the_normalization_is_that_of_the_training_images(tmp_path):
    run = start()
    assert np.array_equal(run.normalization, mean_and_std(TRAIN))
    checkpoints.save(tmp_path / CHECKPOINT, run.checkpoint())
    assert np.array_equal(resumed(tmp_path).normalization, run.normalization)


def test_the_seed_of_a_run_is_that_of_its_initial_weights_too():
    one, same, other = (start(Settings(epochs=1, batch_size=2, seed=seed)) for seed in (1, 1, 2))
    name = next(name for name in one.weights if name.endswith("conv1_1.w"))
    assert np.array_equal(one.weights[name], same.weights[name])
    assert not np.array_equal(one.weights[name], other.weights[name])
