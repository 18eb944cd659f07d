"""Layers exported to ONNX's own nodes, run by onnxruntime beside Clew."""

import sys

import onnx
import onnxruntime
import pytest
import torch

import clew.nn
from clew.nn import onnx_translations

D, H, T, B = 3, 4, 6, 4
KINDS = {
    "rnn": (clew.nn.RNN, {}),
    "relu": (clew.nn.RNN, {"nonlinearity": "relu"}),
    "gru": (clew.nn.GRU, {}),
    "gru-unbiased": (clew.nn.GRU, {"bias": False}),
    "lstm": (clew.nn.LSTM, {}),
}
pytestmark = [
    pytest.mark.filterwarnings("ignore:# The axis name"),  # lengths share B with the input
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the exporter's own
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def made(kind, **more):
    torch.manual_seed(3)
    build, options = KINDS[kind]
    return build(D, H, **options, **more).eval()


def exported(layer, path, args, kwargs, **how):
    program = torch.onnx.export(
        layer,
        args,
        kwargs=kwargs,
        dynamo=True,
        verbose=False,
        custom_translation_table=onnx_translations(),
        **how,
    )
    program.save(path)
    return onnx.load(path), onnxruntime.InferenceSession(path)


def same(answers, layers_answers):
    true = [
        part
        for y, state in layers_answers
        for part in (y, *(state if isinstance(state, tuple) else [state]))
    ]
    for ours, torchs in zip(answers, true, strict=True):
        torch.testing.assert_close(torch.from_numpy(ours), torchs.detach())


class Each(torch.nn.Module):
    """Layers that read the same input: exported together, which takes little longer than one."""

    def __init__(self, layers):
        super().__init__()
        self.layers = torch.nn.ModuleDict(layers)

    def forward(self, x, states=None, lengths=None):
        return [
            layer(x, None if states is None else states[kind], lengths=lengths)
            for kind, layer in self.layers.items()
        ]


def test_both_ways_with_lengths_and_any_number_of_steps_and_sequences(tmp_path):
    layers = Each({kind: made(kind, num_layers=2, bidirectional=True, batch_first=True)
                   for kind in KINDS}).eval()  # fmt: skip
    steps, batch = torch.export.Dim("T"), torch.export.Dim("B")
    model, session = exported(
        layers,
        tmp_path / "layers.onnx",
        (torch.randn(B, T, D),),
        {"lengths": torch.tensor([2, 6, 0, 5])},
        dynamic_shapes={"x": {0: batch, 1: steps}, "lengths": {0: batch}},
    )
    nodes = [node.op_type for node in model.graph.node]
    assert {mode: nodes.count(mode) for mode in ("RNN", "GRU", "LSTM")} == {
        "RNN": 2 * 2, "GRU": 2 * 2, "LSTM": 2,
    }  # fmt: skip
    assert {node.domain for node in model.graph.node} == {""}
    x, lengths = torch.randn(3, 9, D), torch.tensor([9, 0, 1])
    answers = session.run(None, {"x": x.numpy(), "lengths": lengths.numpy()})
    same(answers, layers(x, lengths=lengths))


def test_an_empty_sequence_keeps_the_state_that_was_given(tmp_path):
    layers = Each({kind: made(kind) for kind in ("rnn", "gru", "lstm")}).eval()
    rnn, gru, h, c = parts = [torch.randn(1, B, H) for _ in range(4)]
    states = {"rnn": rnn, "gru": gru, "lstm": (h, c)}
    x, lengths = torch.randn(T, B, D), torch.tensor([2, 6, 0, 5])
    _, session = exported(layers, tmp_path / "layers.onnx", (x, states), {"lengths": lengths})
    inputs = [each.name for each in session.get_inputs()]
    given = [tensor.numpy() for tensor in (x, *parts, lengths)]
    answers = session.run(None, dict(zip(inputs, given, strict=True)))
    same(answers, layers(x, states, lengths=lengths))


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (clew.nn.GRU, {"layer_norm": True}),
        (clew.nn.GRU, {"zoneout": 0.1}),
        (clew.nn.LSTM, {"proj_size": 2}),
    ],
)
def test_what_the_nodes_do_not_have_is_refused(build, options, tmp_path):
    layer = build(D, H, **options).eval()
    with pytest.raises(Exception, match="recurrent nodes do not have"):
        exported(layer, tmp_path / "layer.onnx", (torch.randn(T, B, D),), {})


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"clew\[onnx\]"):
        onnx_translations()
