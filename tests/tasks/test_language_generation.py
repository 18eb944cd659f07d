"""Writing: what is chosen, against counting; what is written, against rereading everything."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.data.text import Tokenizer
from clew.errors import InputError
from clew.tasks._draw import choose
from clew.tasks._language import generation as _generation
from clew.tasks._language.generation import Decoding, as_text, read_prompt, write
from clew.tasks._language.net import LanguageNetwork

SCORES = torch.tensor([0.1, -math.inf, 2.0, 1.5, -1.0, 1.9], dtype=torch.float64)


def network(seed: int = 0, **settings: object) -> LanguageNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = LanguageNetwork(9, embedding_size=4, hidden_size=7, num_layers=2, **settings)  # type: ignore[arg-type]
        torch.nn.init.normal_(made.bias)
        made.log_frequency.copy_(torch.randn(9).log_softmax(0))
    return made


def drawn(how: Decoding, times: int = 4000) -> dict[int, float]:
    generator = torch.Generator().manual_seed(3)
    counts = Counter(choose(SCORES, how, generator) for _ in range(times))
    return {token: count / times for token, count in counts.items()}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_by_the_probabilities(temperature: float) -> None:
    weights = [math.exp(float(s) / temperature) for s in SCORES]
    shares = drawn(Decoding(temperature=temperature))
    assert 1 not in shares
    for token, weight in enumerate(weights):
        assert shares.get(token, 0.0) == pytest.approx(weight / sum(weights), abs=0.03)


def test_limits_leave_the_likeliest() -> None:
    weights = {token: math.exp(float(s)) for token, s in enumerate(SCORES)}
    total = sum(weights.values())
    ordered = sorted(weights, key=lambda token: -weights[token])  # 2, 5, 3, 0, 4, 1
    for k in (1, 2, 3, 100):
        kept = ordered[:k]
        shares = drawn(Decoding(top_k=k), 1000)
        assert set(shares) <= set(kept)
        for token in kept:
            expected = weights[token] / sum(weights[t] for t in kept)
            assert shares.get(token, 0.0) == pytest.approx(expected, abs=0.06)
    for p in (0.01, 0.5, 0.9, 1.0):
        kept, reached = [], 0.0
        for token in ordered:
            if reached < p:
                kept.append(token)
                reached += weights[token] / total
        assert set(drawn(Decoding(top_p=p), 600)) <= set(kept)
        assert len(drawn(Decoding(top_p=p), 600)) >= min(len(kept), 3)


def test_without_temperature_the_likeliest() -> None:
    assert drawn(Decoding(temperature=0), 5) == {2: 1.0}
    assert drawn(Decoding(top_k=1), 5) == {2: 1.0}
    assert drawn(Decoding(top_p=1e-9), 5) == {2: 1.0}


def test_greedy_writing_is_the_argmax_of_rereading_everything() -> None:
    model = network().eval()
    for prompt in ([4], [3, 8, 2, 2, 6]):
        text = list(prompt)
        with torch.no_grad():
            for _ in range(12):
                features, _ = model(torch.tensor(text)[:, None])
                logits = model.logits(features[-1, 0])
                text.append(int(logits[2:].argmax()) + 2)  # never <pad> or <unk>
        assert list(write(model, prompt, Decoding(12, 0.0))) == text[len(prompt) :]


def test_pad_and_unknown_are_never_written() -> None:
    model = network()
    with torch.no_grad():
        model.bias[:2] = 50.0
        model.log_frequency[:2] = 0.0
    for how in (Decoding(60, 0.0), Decoding(60, 5.0, seed=1), Decoding(60, 1.0, top_p=0.5, seed=1)):
        assert min(write(model, [], how)) >= 2


def test_after_nothing_the_first_token_is_drawn_by_frequency() -> None:
    model = network()
    first = Counter(next(write(model, [], Decoding(1, seed=seed))) for seed in range(2000))
    chances = model.log_frequency[2:].softmax(0)
    for token in range(2, 9):
        assert first[token] / 2000 == pytest.approx(float(chances[token - 2]), abs=0.04)


def test_prompt_once_then_one_step_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    expected = list(write(model, [2, 3, 4, 5, 6], Decoding(20, seed=5)))
    monkeypatch.setattr(_generation, "CHUNK", 2)
    read: list[int] = []
    stepped: list[int] = []
    forward, stepper = model.forward, _generation.stepper

    def watched(network: LanguageNetwork, state: Any) -> Callable[[int], torch.Tensor]:
        step = stepper(network, state)
        states = [state]

        def one(token: int) -> torch.Tensor:
            stepped.append(token)
            features, states[0] = network.step(torch.tensor([token]), states[0])
            scores = step(token)
            assert torch.equal(scores, network.logits(features[0]))
            return scores

        return one

    monkeypatch.setattr(_generation, "stepper", watched)
    model.forward = lambda t, s=None: (read.extend(t[:, 0].tolist()), forward(t, s))[1]  # type: ignore[method-assign]
    assert list(write(model, [2, 3, 4, 5, 6], Decoding(20, seed=5))) == expected
    assert read == [2, 3, 4, 5, 6]
    assert stepped == expected[: len(stepped)]
    assert len(stepped) == len(expected) - 1


def test_seeded_and_without_touching_other_generators() -> None:
    model = network(dropout=0.5)
    model.train()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    once = list(write(model, [2], Decoding(50, seed=11)))
    assert once == list(write(model, [2], Decoding(50, seed=11)))
    assert once != list(write(model, [2], Decoding(50, seed=12)))
    list(write(model, [2], Decoding(50)))
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training


def test_broken_weights_are_said() -> None:
    model = network()
    with torch.no_grad():
        model.bias.fill_(math.nan)
    with pytest.raises(InputError, match="not finite"):
        list(write(model, [2], Decoding(1)))


@settings(deadline=None)
@given(st.text("ab c", max_size=30), st.lists(st.text("ab c", min_size=1, max_size=4), max_size=3))
def test_ends_before_the_first_stop_text(text: str, stops: list[str]) -> None:
    ends = [text.index(stop) for stop in stops if stop in text]
    # of several stop texts, the one that is complete first ends the writing
    complete = [text.index(stop) + len(stop) for stop in stops if stop in text]
    written = "".join(as_text(map(ord, text), lambda ids: "".join(map(chr, ids)), stops))
    if not ends:
        assert written == text
        return
    until = text[: min(complete)]
    assert written == text[: min(until.index(stop) for stop in stops if stop in until)]


def test_text_comes_as_soon_as_it_is_certain() -> None:
    taken: list[str] = []

    def source() -> Iterator[int]:
        for character in "one, two":
            taken.append(character)
            yield ord(character)

    pieces = as_text(source(), lambda ids: "".join(map(chr, ids)), [", t"])
    assert next(pieces) == "o"
    assert taken == ["o"]
    assert "".join(pieces) == "ne"


def test_a_character_of_several_tokens_is_written_whole() -> None:
    tokenizer = Tokenizer.train(["plain text"], "bpe", size=258)
    text = "a\N{OX}\N{GREEK SMALL LETTER ALPHA}\nb"
    ids = tokenizer.encode(text)
    assert len(ids) > len(text)
    pieces = list(as_text(iter(ids), tokenizer.decode))
    assert pieces == list(text)
    broken = list(as_text(iter(ids[:3]), tokenizer.decode))  # ends within the ox
    assert broken[0] == "a"
    assert set("".join(broken[1:])) == {"\N{REPLACEMENT CHARACTER}"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"length": -1}, "length must not be -1"),
        ({"length": 1.5}, "length must not be 1.5"),
        ({"temperature": -0.1}, "temperature must not be -0.1"),
        ({"temperature": math.nan}, "temperature must not be nan"),
        ({"temperature": "hot"}, "temperature must be a number"),
        ({"top_k": 0}, "top_k must not be 0"),
        ({"top_p": 0.0}, "top_p must not be 0.0"),
        ({"top_p": 1.1}, "top_p must not be 1.1\n  where: top_p"),
        ({"seed": -1}, "seed must not be -1\n  where: seed"),
        ({"stop": ("",)}, "stop text is empty, or no text\n  where: stop"),
    ],
)
def test_settings_that_mean_nothing(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Decoding(**settings)  # type: ignore[arg-type]


def test_an_unknown_character_in_the_prompt_is_named() -> None:
    tokenizer = Tokenizer.train(["abc"], "char")
    assert read_prompt("cab", tokenizer) == tokenizer.encode("cab")
    with pytest.raises(InputError) as caught:
        read_prompt("abxc", tokenizer)
    assert "'x'" in caught.value.what
    assert caught.value.where == "prompt, character 3 of 4"
    with pytest.raises(InputError, match="this is of type int"):
        read_prompt(3, tokenizer)  # type: ignore[arg-type]
