"""clew.nn beside torch.nn: the same arguments give the same layer and the same numbers."""

import copy
import random
import warnings
from dataclasses import dataclass

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import clew.nn

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")

KINDS = ["RNN", "LSTM", "GRU"]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def twins(kind, *args, seed=0, **options):
    """The same call to both libraries, from the same seed."""
    layers = []
    for library in (torch.nn, clew.nn):
        torch.manual_seed(seed)
        layers.append(getattr(library, kind)(*args, **options))
    return layers


def parts(result):
    """Every tensor of (output, state), PackedSequences and tuples opened."""
    if isinstance(result, torch.Tensor):
        return [result]
    return [t for part in result if part is not None for t in parts(part)]


def close(ours, theirs, what):
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), what
    if ours.numel():
        scale = max(1.0, float(theirs.detach().abs().max()))
        gap = float((ours - theirs).detach().abs().max()) / scale
        assert gap <= TOLERANCE.get(theirs.dtype, 0), f"{what} differs by {gap:.2e}"


# --- numbers -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Config:
    """A layer and a call of it."""

    kind: str
    input_size: int
    hidden_size: int
    options: dict
    steps: int
    batch: int
    layout: str  # "batched", "unbatched", "packed", "packed unsorted"
    state: bool
    seed: int

    @classmethod
    def draw(cls, seed):
        pick = random.Random(seed)
        kind = pick.choice(KINDS)
        hidden = pick.choice([1, 2, 3, 5, 8, 17])
        options = {
            "num_layers": pick.choice([1, 1, 2, 3]),
            "bias": pick.random() < 0.8,
            "batch_first": pick.random() < 0.5,
            "bidirectional": pick.random() < 0.5,
        }
        if kind == "RNN":
            options["nonlinearity"] = pick.choice(["tanh", "relu"])
        if kind == "LSTM" and hidden > 1 and pick.random() < 0.4:
            options["proj_size"] = pick.randrange(1, hidden)
        return cls(
            kind=kind,
            input_size=pick.choice([1, 2, 3, 7, 16]),
            hidden_size=hidden,
            options=options,
            steps=pick.choice([1, 2, 3, 6, 13]),
            batch=pick.choice([1, 2, 3, 5]),
            layout=pick.choice(["batched", "batched", "unbatched", "packed", "packed unsorted"]),
            state=pick.random() < 0.6,
            seed=seed,
        )

    def data(self, dtype):
        """Return (leaves, input, hx); the leaves are what gradients are asked of."""
        g = torch.Generator().manual_seed(self.seed)
        first = self.options["batch_first"]
        alone = self.layout == "unbatched"
        shape = (self.batch, self.steps) if first else (self.steps, self.batch)
        x = torch.randn(*((self.steps,) if alone else shape), self.input_size, generator=g)
        x = x.to(dtype).requires_grad_()
        leaves, given, hx = [x], x, None
        if self.layout.startswith("packed"):
            lengths = torch.randint(1, self.steps + 1, (self.batch,), generator=g)
            is_sorted = self.layout == "packed"
            if is_sorted:
                lengths = lengths.sort(descending=True).values
            given = pack_padded_sequence(x, lengths, first, enforce_sorted=is_sorted)
        if self.state:
            rows = self.options["num_layers"] * (1 + self.options["bidirectional"])
            sizes = [self.options.get("proj_size") or self.hidden_size]
            if self.kind == "LSTM":
                sizes.append(self.hidden_size)
            states = [
                torch.randn(*((rows,) if alone else (rows, self.batch)), size, generator=g)
                .to(dtype)
                .requires_grad_()
                for size in sizes
            ]
            leaves += states
            hx = tuple(states) if self.kind == "LSTM" else states[0]
        return leaves, given, hx


@pytest.mark.parametrize("seed", range(200))
def test_outputs_states_and_gradients_equal_torch(seed):
    config = Config.draw(seed)
    for dtype in (torch.float32, torch.float64):
        theirs, ours = twins(
            config.kind, config.input_size, config.hidden_size, dtype=dtype, **config.options
        )
        found = []
        for layer in (theirs, ours):
            leaves, given, hx = config.data(dtype)
            result = layer(given, hx)
            values = parts(result)
            g = torch.Generator().manual_seed(seed + 1)
            loss = sum(
                (v * torch.randn(v.shape, generator=g).to(dtype)).sum()
                for v in values
                if v.is_floating_point()
            )
            grads = torch.autograd.grad(loss, [*leaves, *layer.parameters()], allow_unused=True)
            found.append((type(result[0]), values, grads))
        (type_0, values_0, grads_0), (type_1, values_1, grads_1) = found
        assert type_1 is type_0
        assert len(values_1) == len(values_0)
        for k, (a, b) in enumerate(zip(values_1, values_0, strict=True)):
            close(a, b, f"value {k} of {config}")
        for k, (a, b) in enumerate(zip(grads_1, grads_0, strict=True)):
            zero = torch.zeros(())
            close(*(zero if v is None else v for v in (a, b)), f"gradient {k} of {config}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("steps", "batch", "wide", "hidden"),
    [(7, 0, 3, 5), (40, 1, 130, 65), (3, 37, 16, 128), (2, 8, 300, 257), (150, 2, 1, 4)],
)
def test_sizes_off_the_beaten_track(kind, steps, batch, wide, hidden):
    """No sequences at all, long ones, and sizes around what kernels like to work in."""
    theirs, ours = twins(kind, wide, hidden, bidirectional=True)
    g = torch.Generator().manual_seed(2)
    x = torch.randn(steps, batch, wide, generator=g)
    found = []
    for layer in (theirs, ours):
        leaf = x.clone().requires_grad_()
        values = parts(layer(leaf))
        sum(v.square().sum() for v in values).backward()
        found.append([*values, leaf.grad, *(p.grad for p in layer.parameters())])
    for k, (a, b) in enumerate(zip(found[1], found[0], strict=True)):
        close(a, b, f"value {k}")


@pytest.mark.parametrize("kind", KINDS)
def test_weights_move_both_ways(kind):
    theirs, ours = twins(kind, 3, 4, 2, bidirectional=True)
    with torch.no_grad():
        for p in ours.parameters():
            p.add_(torch.randn_like(p))
    x = torch.randn(5, 2, 3)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert theirs.load_state_dict(ours.state_dict()) == ours.load_state_dict(theirs.state_dict())
    close(ours(x)[0], theirs(x)[0], "ours to theirs")
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(torch.randn_like(p))
    ours.load_state_dict(theirs.state_dict())
    close(ours(x)[0], theirs(x)[0], "theirs to ours")


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_between_layers_draws_what_torch_draws(kind):
    for both in (False, True):
        theirs, ours = twins(kind, 3, 4, 3, dropout=0.4, bidirectional=both)
        x = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(1))
        answers = []
        for layer in (theirs, ours):
            torch.manual_seed(7)
            answers.append((layer(x)[0], layer(x)[0]))
        close(answers[1][0], answers[0][0], "first call")
        close(answers[1][1], answers[0][1], "second call")
        assert not torch.equal(answers[1][0], answers[1][1])
        close(ours.eval()(x)[0], theirs.eval()(x)[0], "eval")


@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_sequence_comes_back_as_one(kind):
    theirs, ours = twins(kind, 3, 4, 2, bidirectional=True)
    x = torch.randn(6, 4, 3)
    packed = pack_padded_sequence(x, torch.tensor([2, 6, 1, 4]), enforce_sorted=False)
    (a, _), (b, _) = ours(packed), theirs(packed)
    assert isinstance(a, PackedSequence)
    for name in ("batch_sizes", "sorted_indices", "unsorted_indices"):
        assert torch.equal(getattr(a, name), getattr(b, name)), name
    close(a.data, b.data, "data")


# --- the same layer ------------------------------------------------------------------------------

# torch's documented constructors, in order, each at a value that is not its default. (Behind
# `bidirectional` torch's documentation and its code part ways for RNN and GRU: by name there.)
POSITIONAL = {
    "RNN": (3, 5, 2, "relu", False, True, 0.25, True),
    "LSTM": (3, 5, 2, False, True, 0.25, True, 2, "cpu", torch.float64),
    "GRU": (3, 5, 2, False, True, 0.25, True),
}
NAMES = ["input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout"]
NAMES += ["bidirectional", "device", "dtype"]
ATTRIBUTES = ["mode", "proj_size", "training", *NAMES[:7], "_flat_weights_names", "_all_weights"]


def alike(ours, theirs):
    for name in [*ATTRIBUTES, *(["nonlinearity"] if theirs.mode.startswith("RNN") else [])]:
        assert getattr(ours, name) == getattr(theirs, name), name
        assert type(getattr(ours, name)) is type(getattr(theirs, name)), name
    assert repr(ours) == repr(theirs)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    for (name, a), (_, b) in zip(
        ours.state_dict().items(), theirs.state_dict().items(), strict=True
    ):
        assert (a.dtype, a.device) == (b.dtype, b.device), name
        assert torch.equal(a, b), name


@pytest.mark.parametrize("kind", KINDS)
def test_every_argument_in_its_place(kind):
    values = POSITIONAL[kind]
    for count in range(2, len(values) + 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs, ours = twins(kind, *values[:count])
        alike(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_every_argument_by_name(kind):
    special = {"RNN": {"nonlinearity": "relu"}, "LSTM": {"proj_size": 2}, "GRU": {}}[kind]
    values = dict(zip(NAMES, [*POSITIONAL["GRU"], "cpu", torch.float64], strict=True)) | special
    theirs, ours = twins(kind, **values)
    alike(ours, theirs)
    for name in values.keys() - {"input_size", "hidden_size"}:
        if name != "dropout":  # alone it warns, see below
            one = {"input_size": 3, "hidden_size": 5, name: values[name]}
            alike(*reversed(twins(kind, **one)))


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_torch_layer_in_its_parts(kind):
    theirs, ours = twins(kind, 3, 4, 2, bidirectional=True)
    assert isinstance(ours, torch.nn.RNNBase)
    ours.flatten_parameters()
    for a, b in zip(ours.all_weights, theirs.all_weights, strict=True):
        assert all(torch.equal(v, w) for v, w in zip(a, b, strict=True))
    ours.all_weights[0][0].data.zero_()
    assert not ours.weight_ih_l0.any()
    torch.manual_seed(3)
    theirs.reset_parameters()
    torch.manual_seed(3)
    ours.reset_parameters()
    alike(ours, theirs)
    alike(copy.deepcopy(ours), theirs)
    alike(ours.double(), theirs.double())
    assert ours(torch.randn(2, 1, 3, dtype=torch.float64))[0].dtype == torch.float64
    assert ours.bfloat16()(torch.randn(2, 1, 3).bfloat16())[0].dtype == torch.bfloat16


@pytest.mark.parametrize("kind", KINDS)
def test_a_replaced_weight_is_used(kind):
    """Assigning a parameter, as weight tying and fine-tuning do, changes the answers."""
    theirs, ours = twins(kind, 3, 4)
    new = torch.nn.Parameter(torch.randn_like(ours.weight_hh_l0))
    x = torch.randn(4, 2, 3)
    before = ours(x)[0]
    ours.weight_hh_l0 = theirs.weight_hh_l0 = new
    close(ours(x)[0], theirs(x)[0], "after assignment")
    assert not torch.allclose(ours(x)[0], before)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_after_the_only_layer_warns(kind):
    for library in (torch.nn, clew.nn):
        with pytest.warns(UserWarning, match="dropout"):
            getattr(library, kind)(3, 4, dropout=0.5)
