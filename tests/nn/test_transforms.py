"""What torch.nn's layers refuse: second derivatives, torch.func, compilers, export."""

import io

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call, grad, jacfwd, jacrev, vmap
from torch.utils.checkpoint import checkpoint

import clew
import clew.nn

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")

KINDS = {
    "rnn": (clew.nn.RNN, {}),
    "gru": (clew.nn.GRU, {}),
    "lstm": (clew.nn.LSTM, {}),
    "lstm-projected": (clew.nn.LSTM, {"proj_size": 2}),
    "rnn-normed": (clew.nn.RNN, {"layer_norm": True}),
    "gru-options": (clew.nn.GRU, {"layer_norm": True, "zoneout": 0.2}),
    "lstm-options": (clew.nn.LSTM, {"layer_norm": True, "zoneout": (0.2, 0.1)}),
}
# torch compiles its own decompositions for forward mode with what it has deprecated itself.
forward_mode = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
PLAIN = ["rnn", "gru", "lstm"]
every_kind = pytest.mark.parametrize("kind", KINDS)

D, H, T, B = 2, 3, 4, 3
LENGTHS = torch.tensor([2, 0, 4])
RESET = torch.zeros(T, B, dtype=torch.bool)
RESET[2, 2] = RESET[1, 0] = RESET[3, 1] = True


def made(kind, dtype=torch.float64, **more):
    torch.manual_seed(3)
    build, options = KINDS[kind]
    return build(D, H, **{**options, **more}, dtype=dtype).eval()


def parts(answer):
    """Output and states of a call as one flat tuple."""
    y, state = answer
    return (y, *state) if isinstance(state, tuple) else (y, state)


def scalar(answer):
    """A number that every output and state bends."""
    return sum((part * part.cos()).sum() for part in parts(answer))


def data(dtype=torch.float64, steps=T, batch=B):
    return torch.randn(steps, batch, D, dtype=dtype, generator=torch.Generator().manual_seed(5))


# --- derivatives of any order -------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("both", [False, True], ids=["one-way", "both-ways"])
def test_first_and_second_derivatives_agree_with_finite_differences(kind, both):
    layer = made(kind, bidirectional=both)
    names = [name for name, _ in layer.named_parameters()]

    def run(x, *weights):
        given = dict(zip(names, weights, strict=True))
        return parts(functional_call(layer, given, (x,), {"lengths": LENGTHS, "reset": RESET}))

    inputs = (data().requires_grad_(), *(p.detach().requires_grad_() for p in layer.parameters()))
    assert gradcheck(run, inputs, fast_mode=True)
    assert gradgradcheck(run, inputs, fast_mode=True)


def second(layer, x):
    """The gradient, by weights and input, of the squared gradient by the input."""
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(scalar(layer(x)), x, create_graph=True)
    return torch.autograd.grad(slope.square().sum(), [x, *layer.parameters()], allow_unused=True)


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("more", [{}, {"bidirectional": True, "num_layers": 2}], ids=str)
@pytest.mark.parametrize("training", [False, True])
def test_second_derivatives_in_single_precision_are_those_in_double(kind, more, training):
    single, double = made(kind, torch.float32, **more), made(kind, **more)
    double.load_state_dict(single.state_dict())
    single.train(training)
    found = second(single, data(torch.float32))
    for ours, true in zip(found, second(double, data(torch.float32).double()), strict=True):
        torch.testing.assert_close(ours.double(), true, rtol=1e-3, atol=1e-4)


def test_second_derivatives_keep_the_dropout_of_the_first_pass():
    layer = made("lstm", torch.float32, num_layers=2, dropout=0.5).train()
    double = made("lstm", num_layers=2, dropout=0.5).train()
    double.load_state_dict(layer.state_dict())
    torch.manual_seed(11)
    keep = torch.dropout(torch.ones(T, B, H), 0.5, True)
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "dropout", lambda x, p, train: x * keep.to(x.dtype) if train else x)
        for net in (layer, double):
            found.append(second(net, data(torch.float32).to(net.weight_ih_l0.dtype)))
    for ours, true in zip(*found, strict=True):
        torch.testing.assert_close(ours.double(), true, rtol=1e-3, atol=1e-4)


# (Zoneout is left out: it differs between the two by definition.)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if "options" not in kind])
def test_gradients_in_evaluation_are_those_of_training(kind):
    found = []
    for training in (False, True):
        layer = made(kind, torch.float32).train(training)
        scalar(layer(data(torch.float32))).backward()
        found.append([p.grad for p in layer.parameters()])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


def test_backward_twice_needs_retain_graph_as_everywhere():
    layer = made("lstm", torch.float32)
    loss = scalar(layer(data(torch.float32)))
    loss.backward(retain_graph=True)
    once = layer.weight_hh_l0.grad.clone()
    loss.backward()
    torch.testing.assert_close(layer.weight_hh_l0.grad, 2 * once)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_gradients_reach_only_what_asks_for_them():
    layer = made("lstm", torch.float32)
    layer.weight_hh_l0.requires_grad_(False)
    x = data(torch.float32)
    scalar(layer(x)).backward()
    assert layer.weight_hh_l0.grad is None
    assert x.grad is None
    assert layer.weight_ih_l0.grad.abs().sum() > 0
    with torch.no_grad():
        assert not layer(x)[0].requires_grad


def test_a_weight_changed_between_forward_and_backward_is_refused():
    layer = made("lstm", torch.float32)
    loss = scalar(layer(data(torch.float32)))
    with torch.no_grad():
        layer.weight_hh_l0.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


# --- torch.func ---------------------------------------------------------------------------------


@every_kind
def test_vmap_over_inputs_lengths_and_resets_is_a_loop(kind):
    layer = made(kind, bidirectional=True)
    x = torch.randn(5, T, B, D, dtype=torch.float64)
    lengths = torch.randint(0, T + 1, (5, B))
    reset = torch.rand(5, T, B) < 0.3

    def run(x, lengths, reset):
        return layer(x, lengths=lengths, reset=reset)

    mapped = parts(vmap(run)(x, lengths, reset))
    for k in range(5):
        for ours, true in zip(mapped, parts(run(x[k], lengths[k], reset[k])), strict=True):
            torch.testing.assert_close(ours[k], true)


@every_kind
def test_per_sample_gradients_are_those_of_one_sequence_at_a_time(kind):
    layer = made(kind, num_layers=2)
    weights = {name: p.detach() for name, p in layer.named_parameters()}

    def loss(weights, x):
        return scalar(functional_call(layer, weights, (x.unsqueeze(1),)))

    x = data()
    mapped = vmap(grad(loss), in_dims=(None, 1))(weights, x)
    for b in range(B):
        alone = torch.autograd.grad(scalar(layer(x[:, b : b + 1])), list(layer.parameters()))
        for (name, ours), true in zip(mapped.items(), alone, strict=True):
            torch.testing.assert_close(ours[b], true, msg=name)


@pytest.mark.parametrize("kind", PLAIN)
def test_many_gradients_at_once_are_a_loop(kind):
    layer = made(kind, torch.float32)
    x = data(torch.float32).requires_grad_()
    y, _ = layer(x)
    pulls = torch.randn(5, *y.shape)
    at_once = torch.autograd.grad(
        y, [x, layer.weight_hh_l0], pulls, is_grads_batched=True, retain_graph=True
    )
    for k in range(5):
        alone = torch.autograd.grad(y, [x, layer.weight_hh_l0], pulls[k], retain_graph=True)
        for many, one in zip(at_once, alone, strict=True):
            torch.testing.assert_close(many[k], one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_layers_have_the_same_gradients(kind, reentrant):
    layer = made(kind, torch.float32, bidirectional=True)

    def flat(x):
        return parts(layer(x))

    found = []
    for run in (flat, lambda x: checkpoint(flat, x, use_reentrant=reentrant)):
        x = data(torch.float32).requires_grad_()
        layer.zero_grad()
        sum((part * part.cos()).sum() for part in run(x)).backward()
        found.append([x.grad, *(p.grad.clone() for p in layer.parameters())])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("kind", PLAIN)
def test_vmap_over_weights_is_an_ensemble(kind):
    layers = [made(kind) for _ in range(3)]
    for k, layer in enumerate(layers):
        with torch.no_grad():
            for p in layer.parameters():
                p.add_(0.1 * k)
    weights, buffers = torch.func.stack_module_state(layers)
    x = data()

    def run(weights, buffers):
        return functional_call(layers[0], (weights, buffers), (x,))

    mapped = parts(vmap(run)(weights, buffers))
    for k, layer in enumerate(layers):
        for ours, true in zip(mapped, parts(layer(x)), strict=True):
            torch.testing.assert_close(ours[k], true)


@forward_mode
@every_kind
def test_forward_mode_agrees_with_reverse_mode(kind):
    layer = made(kind)
    x = data(steps=3, batch=1)

    def run(x):
        return layer(x)[0].flatten()

    torch.testing.assert_close(jacfwd(run)(x), jacrev(run)(x))
    hessian = torch.func.hessian(lambda x: scalar(layer(x)))(x)
    twice = torch.autograd.functional.hessian(lambda x: scalar(layer(x)), x)
    torch.testing.assert_close(hessian, twice)


@forward_mode
@pytest.mark.parametrize("kind", PLAIN)
def test_dual_numbers_outside_of_torch_func(kind):
    layer = made(kind, torch.float32)
    x, along = data(torch.float32), torch.randn(T, B, D)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, along)
        y, tangent = torch.autograd.forward_ad.unpack_dual(layer(dual)[0])
    _, true = torch.func.jvp(lambda x: layer(x)[0], (x,), (along,))
    torch.testing.assert_close(y, layer(x)[0])
    torch.testing.assert_close(tangent, true)


# --- compilers ----------------------------------------------------------------------------------


def graphs_of(layer, *args, **kwargs):
    """The answer of the compiled layer, and the graphs that were made of it."""
    seen = []

    def backend(graph, inputs):
        seen.append(graph)
        return graph.forward

    torch._dynamo.reset()
    answer = torch.compile(layer, fullgraph=True, backend=backend)(*args, **kwargs)
    return answer, seen


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru-options"])
def test_a_compiled_layer_is_one_operator_whatever_its_length(kind):
    layer = made(kind, num_layers=2)
    answer, (graph,) = graphs_of(layer, data(steps=50))
    called = [str(node.target) for node in graph.graph.nodes if "clew" in str(node.target)]
    assert called == ["clew.layer.default"] * 2
    for ours, true in zip(parts(answer), parts(layer(data(steps=50))), strict=True):
        torch.testing.assert_close(ours, true)


@pytest.mark.parametrize("kind", ["rnn-normed", "gru", "lstm-projected", "lstm-options"])
def test_compiled_values_and_gradients_are_the_eager_ones(kind):
    layer = made(kind, bidirectional=True, batch_first=True, num_layers=2)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    for steps, batch in ((T, B), (7, 2)):
        x = data(steps=steps, batch=batch).transpose(0, 1).requires_grad_()
        lengths = torch.randint(0, steps + 1, (batch,))
        reset = torch.rand(batch, steps) < 0.3
        found = []
        for net in (layer, compiled):
            answer = net(x, lengths=lengths, reset=reset)
            sources = [x, *layer.parameters()]
            grads = torch.autograd.grad(scalar(answer), sources)
            found.append((*parts(answer), *grads))
        for ours, true in zip(*found, strict=True):
            torch.testing.assert_close(ours, true)


def test_compiled_training_draws_the_masks_that_eager_training_draws():
    layer = made(
        "lstm", num_layers=2, dropout=0.3, recurrent_dropout=0.4, zoneout=0.2, bidirectional=True
    ).train()
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    found = []
    for net in (layer, compiled):
        torch.manual_seed(9)
        found.append(parts(net(data())))
    for ours, true in zip(*found, strict=True):
        torch.testing.assert_close(ours, true)
    torch.manual_seed(10)
    assert not torch.allclose(compiled(data())[0], found[0][0])


def test_a_compiled_layer_refuses_a_length_beyond_the_steps():
    compiled = torch.compile(made("gru"), fullgraph=True, backend="aot_eager")
    with pytest.raises(clew.InputError, match="a length of 9"):
        compiled(data(), lengths=torch.tensor([1, 9, 0]))


def test_transforms_inside_a_compiled_function():
    layer = made("gru")
    x = torch.randn(4, T, 1, D, dtype=torch.float64)
    torch._dynamo.reset()
    compiled = torch.compile(
        vmap(grad(lambda x: scalar(layer(x)))), fullgraph=True, backend="eager"
    )
    torch.testing.assert_close(compiled(x), vmap(grad(lambda x: scalar(layer(x))))(x))


@pytest.mark.parametrize(
    ("kind", "strict"), [("rnn", True), ("gru-options", False), ("lstm-projected", True)]
)
def test_an_exported_layer_takes_any_number_of_steps_and_sequences(kind, strict):
    layer = made(kind, bidirectional=True)
    steps, batch = torch.export.Dim("T", min=2, max=4096), torch.export.Dim("B", min=2, max=4096)
    program = torch.export.export(
        layer,
        (data(),),
        {"lengths": LENGTHS, "reset": RESET},
        dynamic_shapes={
            "input": {0: steps, 1: batch},
            "lengths": {0: batch},
            "reset": {0: steps, 1: batch},
        },
        strict=strict,
    )
    for node in program.graph.nodes:
        assert [] not in node.args  # AOTInductor would take it for None
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    again = torch.export.load(file).module()
    x = data(steps=9, batch=5)
    asked = {"lengths": torch.tensor([9, 0, 4, 1, 3]), "reset": torch.rand(9, 5) < 0.2}
    for ours, true in zip(parts(again(x, **asked)), parts(layer(x, **asked)), strict=True):
        torch.testing.assert_close(ours, true)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit.trace:DeprecationWarning")
@pytest.mark.parametrize("kind", PLAIN)
def test_a_traced_layer_takes_any_number_of_steps_and_sequences(kind):
    layer = made(kind, torch.float32, bidirectional=True)
    traced = torch.jit.trace(layer, (data(torch.float32, steps=1),))
    x = data(torch.float32, steps=9, batch=5)
    for ours, true in zip(parts(traced(x)), parts(layer(x)), strict=True):
        torch.testing.assert_close(ours, true)
    scalar(traced(x)).backward()
