"""The native layers as a part of torch's graphs: what is kept, what is seen, what is refused."""

import sys
from pathlib import Path

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

import clew
import clew.nn
from clew import InputError
from clew.kernels import native, simd

sys.path.insert(0, str(Path(__file__).parent))
from calls import KINDS, Call

T, B, D, H = 6, 4, 3, 5
LAYERS = {"rnn": clew.nn.RNN, "gru": clew.nn.GRU, "lstm": clew.nn.LSTM}
every_layer = pytest.mark.parametrize("name", LAYERS)


def made(name, **more):
    torch.manual_seed(2)
    return LAYERS[name](D, H, **{"dtype": torch.float64, **more})


def data(dtype=torch.float64):
    return torch.randn(T, B, D, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).to(
        dtype
    )


def gradients(layer, x, **how):
    y, _ = layer(x)
    return torch.autograd.grad((y * y.cos()).sum(), list(layer.parameters()), **how)


# --- graphs -------------------------------------------------------------------------------------


@every_layer
def test_a_graph_kept_is_the_same_graph_the_second_time(name):
    layer = made(name, bidirectional=True)
    y, _ = layer(data())
    loss, weights = (y * y.cos()).sum(), list(layer.parameters())
    once = torch.autograd.grad(loss, weights, retain_graph=True)
    again = torch.autograd.grad(loss, weights, retain_graph=True)
    last = torch.autograd.grad(loss, weights)
    for a, b, c in zip(once, again, last, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss, weights)


@every_layer
@pytest.mark.parametrize("what", ["weight_ih_l0", "weight_hh_l0", "input", "output"])
def test_what_changes_between_forward_and_backward_is_refused(name, what):
    layer, x = made(name), data()
    y, _ = layer(x)
    loss = y.sum()
    with torch.no_grad():
        {"input": x, "output": y}.get(what, getattr(layer, what, None)).add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("create_graph", [False, True])
def test_lengths_and_resets_may_change_after_the_call(create_graph):
    layer, x = made("lstm"), data()
    found = []
    for change in (False, True):
        lengths = torch.tensor([6, 2, 0, 4])
        reset = torch.rand(T, B, generator=torch.Generator().manual_seed(1)) < 0.3
        y, _ = layer(x, lengths=lengths, reset=reset)
        if change:
            lengths.fill_(6)
            reset.fill_(True)
        weights = list(layer.parameters())
        found.append(torch.autograd.grad(y.square().sum(), weights, create_graph=create_graph))
    torch.testing.assert_close(*found)


def test_only_what_is_asked_for_gets_a_gradient():
    for name in LAYERS:
        layer, x = made(name), data().requires_grad_()
        state = torch.zeros(1, B, H, dtype=torch.float64, requires_grad=True)
        hx = (state, torch.zeros_like(state)) if name == "lstm" else state
        every = torch.autograd.grad(layer(x, hx)[0].sum(), [x, state, *layer.parameters()])
        (of_x,) = torch.autograd.grad(layer(x, hx)[0].sum(), x)
        assert torch.equal(of_x, every[0])
        for weight in layer.parameters():
            weight.requires_grad_(False)
        (of_state,) = torch.autograd.grad(layer(x.detach(), hx)[0].sum(), state)
        assert torch.equal(of_state, every[1])
        assert not layer(x.detach())[0].requires_grad


def test_the_record_is_kept_for_backward_only(monkeypatch):
    layer, x = made("lstm"), data()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t.numel()) or t, lambda t: t
    ):
        layer(x)
    assert max(kept) >= T * B * 5 * H

    def refused(*_):
        raise AssertionError("a record without anybody to read it")

    monkeypatch.setattr(native.Reading, "record", refused)
    with torch.no_grad():
        layer(x)
    with torch.inference_mode():
        layer(x)
    for weight in layer.parameters():
        weight.requires_grad_(False)
    layer(x)


def test_what_is_kept_may_be_kept_elsewhere():
    """A hook gives back what is saved at any address; the kernels want theirs aligned."""

    def back(tensor):
        shifted = tensor.new_empty(tensor.numel() + 1)[1:].view(tensor.shape)
        return shifted.copy_(tensor)

    for dtype in (torch.float32, torch.float64):
        layer = made("gru", dtype=dtype)
        x = data(dtype)
        true = gradients(layer, x)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t, back):
            found = gradients(layer, x)
        for a, b in zip(found, true, strict=True):
            assert torch.equal(a, b)


@every_layer
def test_any_layout_of_input_weights_and_gradients(name):
    layer, x = made(name), data()
    true = gradients(layer, x)
    strided = torch.stack([x, x], -1)[..., 0]
    with torch.no_grad():
        layer.weight_ih_l0.data = layer.weight_ih_l0.t().contiguous().t()
    for a, b in zip(gradients(layer, strided), true, strict=True):
        assert torch.equal(a, b)
    y, _ = layer(x)
    expanded = torch.ones((), dtype=y.dtype).expand_as(y)
    one, other = (
        torch.autograd.grad(y, layer.weight_hh_l0, pull, retain_graph=True)
        for pull in (expanded, expanded.clone())
    )
    assert torch.equal(*one, *other)


# --- operators and compilers --------------------------------------------------------------------


def test_a_recorded_graph_holds_the_operator_and_not_its_answer():
    layer = made("gru")
    graph = make_fx(lambda x: layer(x)[0])(data())
    assert any("clew.layer" in str(node.target) for node in graph.graph.nodes)
    other = data() + 1
    torch.testing.assert_close(graph(other), layer(other)[0])


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_a_compiled_layer_reads_once_forward_and_once_backward(name, monkeypatch):
    layer = made(name)
    true = gradients(layer, data())
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    compiled(data())
    called = []
    for what in ("forward", "backward"):
        real = getattr(native.Reading, what)

        def spy(*args, what=what, real=real):
            called.append(what)
            return real(*args)

        monkeypatch.setattr(native.Reading, what, spy)
    y, _ = compiled(data())
    loss, weights = (y * y.cos()).sum(), list(layer.parameters())
    once = torch.autograd.grad(loss, weights, retain_graph=True)
    again = torch.autograd.grad(loss, weights)
    assert called == ["forward", "backward", "backward"]
    for a, b, c in zip(once, again, true, strict=True):
        assert torch.equal(a, b)
        torch.testing.assert_close(a, c)


def test_an_exported_layer_keeps_no_record_and_can_be_trained_all_the_same():
    layer = made("lstm")
    true = gradients(layer, data())
    program = torch.export.export(layer, (data(),))
    (call,) = [node for node in program.graph.nodes if "clew.layer" in str(node.target)]
    assert call.meta["val"][3].numel() == 0
    module = program.module()
    found = gradients(module, data())
    for (label, _), a in zip(module.named_parameters(), found, strict=True):
        names = [name for name, _ in layer.named_parameters()]
        torch.testing.assert_close(a, true[names.index(label)])


def test_the_operator_passes_torchs_own_check():
    cell_of = {"RNN_TANH": 1, "GRU": 3, "LSTM": 4}
    for mode, gates in cell_of.items():
        state = [torch.randn(2, B, H, dtype=torch.float64) for _ in range(2 if gates == 4 else 1)]
        weights = [
            torch.randn(*shape, dtype=torch.float64, requires_grad=True)
            for _ in range(2)
            for shape in ((gates * H, D), (gates * H, H), (gates * H,), (gates * H,))
        ]
        fields = [True] * 4 + [False] * 5
        lengths = torch.tensor([6, 2, 0, 4])
        rest = (lengths, None, None, mode, True, False, [0.0, 0.0], fields, [False] * 3, True)
        # (Not "test_aot_dispatch": it compares the record too, whose last part nobody writes.)
        torch.library.opcheck(
            torch.ops.clew.layer.default,
            (data().requires_grad_(), state, weights, *rest),
            test_utils=("test_schema", "test_autograd_registration", "test_faketensor"),
        )


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: "-".join(map(str, k.values())))
@pytest.mark.parametrize("norm", [False, True])
def test_a_record_is_never_larger_than_its_bound(kind, norm):
    for size in (3, 8, 16, 31, 32, 33, 64, 100):
        for dtype in (torch.float32, torch.float64):
            for steps, batch in ((1, 1), (1, 3), (7, 2)):
                call = Call(**kind, norm=norm, T=steps, B=batch, H=size, both=True, dtype=dtype)
                x, _, weights = call.tensors()
                flat, fields = native.flatten(weights)
                reading = native.Reading(call.cell, x, flat[1], fields, call.sequences(), None)
                bound = native.record_bound(call.cell, size, dtype.itemsize)
                assert reading.record_size() <= steps * batch * bound


@every_layer
def test_a_view_of_minus_a_tensor_is_read_as_such(name):
    """The imaginary part of a conjugate is one: its memory holds the opposite."""
    layer = LAYERS[name](1, 1, dtype=torch.float64)
    z = torch.randn(1, 1, 1, dtype=torch.complex128)
    assert z.conj().imag.is_neg()
    assert z.conj().imag.is_contiguous()  # being one number
    y, state = layer(z.conj().imag)
    assert torch.equal(y, layer(-z.imag)[0])
    minus = [torch._neg_view(-part) for part in (state if name == "lstm" else (state,))]
    again, _ = layer(z.imag, tuple(minus) if name == "lstm" else minus[0])
    assert torch.equal(again, layer(z.imag, state)[0])

    x = torch.randn(1, 1, 1, dtype=torch.float64, requires_grad=True)
    (true,) = torch.autograd.grad(-layer(x)[0], x)
    (ours,) = torch.autograd.grad(layer(x)[0], x, torch._neg_view(torch.ones(1, 1, 1).double()))
    assert torch.equal(ours, true)


# --- what goes elsewhere, what is refused -------------------------------------------------------


@every_layer
def test_half_precision_is_read_by_torch(name):
    layer, lengths = made(name, dtype=torch.bfloat16), torch.tensor([6, 2, 0, 4])
    y, _ = layer(data(torch.bfloat16), lengths=lengths)
    assert y.dtype == torch.bfloat16
    single, _ = layer.float()(data(torch.float32), lengths=lengths)
    torch.testing.assert_close(y.float(), single, rtol=0.05, atol=0.05)


@every_layer
def test_without_the_native_module_the_error_says_how_to_build_it(name, monkeypatch):
    monkeypatch.delattr(clew, "_native")
    monkeypatch.setitem(sys.modules, "clew._native", None)
    with pytest.raises(ImportError, match=r"was not built for this Python\n  try: pip install \."):
        made(name)(data())


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: "-".join(map(str, k.values())))
def test_addresses_that_cannot_be_are_refused(kind):
    call = Call(**kind)
    x, state, weights = call.tensors()
    flat, fields = native.flatten(weights)
    reading = native.Reading(call.cell, x, flat[1], fields, call.sequences(), None)
    at = reading._placed(flat)
    c_n = state[-1].data_ptr() if call.mode == "LSTM" else 0
    y = x.new_empty(call.T, call.B, call.width)
    good = [x.data_ptr(), 0, 0, at, [0] * 3, y.data_ptr(), state[0].data_ptr(), c_n, 0, 1]
    reading._call.forward(*good)
    for position, bad, what in (
        (0, 0, "x is missing"),
        (0, good[0] + 1, "x is not aligned"),
        (1, good[0] + 2, "h_0 is not aligned"),
        (3, at[:-1], "8 addresses of weights where 9 are needed"),
        (3, [0, *at[1:]], "w_ih is missing"),
        (3, [*at[:3], 0, *at[4:]], "one bias without the other"),
        (4, [0] * 6, "6 addresses of masks where 3 are needed"),
        (5, 0, "y is missing"),
        (6, 0, "h_n is missing"),
        (8, good[0] + 8, "record is not aligned"),
    ):
        with pytest.raises(ValueError, match=what):
            reading._call.forward(*good[:position], bad, *good[position + 1 :])


def test_sizes_that_cannot_be_are_refused():
    module = simd.native()
    for sizes in ((-1, 2), (2, -1), (2**62, 2**30), (1, 2**31)):
        with pytest.raises(ValueError, match=r"negative|counted|2147483647"):
            module.Sequences(*sizes)
    for length in (-1, 7):
        lengths = torch.tensor([1, length])
        with pytest.raises(ValueError, match=f"a length of {length} in a batch of 6 steps"):
            module.Sequences(6, 2, lengths.data_ptr())
        with pytest.raises(InputError, match=f"a length of {length} in a batch"):
            made("gru")(data()[:, :2], lengths=lengths)
