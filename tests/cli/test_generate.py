import json

import pytest

from clew import LanguageModel, load


def test_it_writes_what_the_library_writes(clew, writer):
    settings = {"length": 40, "temperature": 0.7, "top_k": 5, "top_p": 0.9, "seed": 3}
    options = [w for k, v in settings.items() for w in (f"--{k.replace('_', '-')}", v)]
    answer = clew("generate", writer, "--prompt", "The ", *options)
    text = load(writer).generate("The ", **settings)
    assert answer.out == f"The {text}\n"
    assert len(text) == 40
    found = json.loads(clew("generate", writer, "--prompt", "The ", "--json", *options).out)
    assert found == {"prompt": "The ", "text": text, "seed": 3}


def test_the_same_seed_writes_the_same_and_another_another(clew, writer):
    texts = [clew("generate", writer, "--seed", seed).out for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_it_ends_before_the_stop_text(clew, writer):
    plain = clew("generate", writer, "--seed", 1, "--length", 300).out
    stopped = clew("generate", writer, "--seed", 1, "--length", 300, "--stop", "e").out
    assert "e" in plain
    assert stopped == plain[: plain.index("e")] + "\n"


def test_it_prints_as_it_writes(clew, writer, monkeypatch):
    seen = []

    def pieces(self, prompt, **settings):
        for piece in ("one ", "two"):
            seen.append(written())
            yield piece

    import clew.cli.generate as command

    out = []
    monkeypatch.setattr(
        command.say,
        "result",
        lambda text="", end="\n", flush=False: out.append((text + end, flush)),
    )
    written = lambda: "".join(text for text, _ in out)  # noqa: E731
    monkeypatch.setattr(LanguageModel, "generate_stream", pieces)
    clew("generate", writer, "--prompt", "zero ")
    assert seen == ["zero ", "zero one "]
    assert all(flush for text, flush in out if text != "\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--prompt", "Ω"], "'Ω'"),
        (["--length", "-1"], "length"),
        (["--temperature", "-0.1"], "temperature"),
        (["--top-p", "2"], "top_p"),
        (["--top-k", "0"], "top_k"),
        (["--stop", ""], "stop"),
        (["--key", "G"], "--key"),
        (["--out", "t.mid"], "--out"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_written(clew, writer, options, said):
    answer = clew("generate", writer, *options)
    assert answer.code == 1
    assert answer.out == ""
    assert said in answer.err


def test_a_classifier_does_not_write(clew, classifier):
    answer = clew("generate", classifier)
    assert answer.code == 1
    assert "does not write" in answer.err
    assert f"clew predict {classifier}" in answer.err
