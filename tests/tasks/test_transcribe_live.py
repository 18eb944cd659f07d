"""Writing while it is said: whatever the chunks, it is to the bit what the whole gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transcribers import QUICK, RATE, spoken, tiny, tones

from clew.errors import InputError
from clew.tasks.transcribe import Transcriber


@pytest.fixture(scope="module", params=[("lstm", 8000), ("gru", 11_025)])
def model(request):
    cell, rate = request.param
    X, y = spoken(60)
    chosen = {**QUICK, "cell": cell, "batch_size": 6, "sample_rate": RATE}
    found = Transcriber(**chosen, bidirectional=False).fit(X, y)
    assert found.error_rates(X, y).cer < 0.6  # there is something to compare
    return found, rate


def said(live, samples, sizes):
    """What is written of samples in chunks of these sizes, over and over."""
    written, start, turn = "", 0, 0
    while start < len(samples):
        size = sizes[turn % len(sizes)]
        written += live.push(samples[start : start + size])
        start, turn = start + size, turn + 1
    return written + live.finish()


@settings(max_examples=8, deadline=None)
@given(
    text=st.text("abcd ", max_size=8),
    sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=5),
)
def test_live_is_the_whole_to_the_bit(model, text, sizes):
    transcriber, rate = model
    samples = tones(text, seed=len(text), rate=rate)
    whole = transcriber.transcribe(samples, rate=rate)
    live = transcriber.stream(rate)
    assert said(live, samples, sizes) == live.text == whole.text
    assert live.words == whole.words
    assert live._written.score == whole.score
    assert said(live, samples, [640]) == whole.text  # the next sound begins anew
    assert transcriber.predict([samples, tones("abcd" * 3)])[0] == whole.text or rate != RATE


def test_a_state_goes_on_elsewhere(model):
    transcriber, rate = model
    samples = tones("abc dab", 3, rate)
    whole = transcriber.transcribe(samples, rate=rate)
    for at in (0, 1, 777, len(samples) // 2, len(samples)):
        live, other = transcriber.stream(rate), transcriber.stream(rate)
        live.push(samples[:at])
        other.push(samples)  # is forgotten
        kept = live.state
        live.push(samples)  # changes nothing that was kept
        other.state = kept
        assert other.text == transcriber_text(transcriber, samples[:at], rate)
        other.push(samples[at:])
        other.finish()
        assert (other.text, other.words) == (whole.text, whole.words)


def transcriber_text(transcriber, samples, rate):
    live = transcriber.stream(rate)
    live.push(samples)
    return live.text


def test_a_state_that_is_none_is_refused_and_loses_nothing(model):
    transcriber, rate = model
    samples = tones("ab cd", 4, rate)
    live = transcriber.stream(rate)
    live.push(samples[:3000])
    kept = live.state
    wrong = [None, (), kept[:4], (*kept[:4], None), (kept[0], np.zeros(10**6), *kept[2:]),
             (*kept[:4], (np.array([[99, 0, 1]]), 0, 1, 0.0, False)),
             (*kept[:3], kept[3] * 2, kept[4])]  # fmt: skip
    for state in wrong:
        with pytest.raises(InputError, match="not the state"):
            live.state = state
    live.push(samples[3000:])
    live.finish()
    assert live.text == transcriber.transcribe(samples, rate=rate).text


def test_what_is_no_sound_is_refused_and_loses_nothing(model):
    transcriber, rate = model
    samples = tones("ab cd", 4, rate)
    live = transcriber.stream(rate)
    live.push(samples[:3000])
    for wrong in (np.full(10, np.nan), "ab", None, np.zeros((2, 3, 4)), np.full(10, 1e6)):
        with pytest.raises(InputError):
            live.push(wrong)
    live.push(np.zeros(0, np.float32))
    live.push((samples[3000:] * 32768).astype(np.int16)[:, None] / 32768)
    live.finish()
    assert len(live.text) >= 2
    live.reset()
    assert live.text == ""
    assert live.words == ()
    assert live.finish() == ""


def test_the_weights_are_those_of_when_it_was_made(model):
    transcriber, rate = model
    samples = tones("abcd", 5, rate)
    whole, live = transcriber.transcribe(samples, rate=rate), transcriber.stream(rate)
    before = {k: v.clone() for k, v in transcriber.network_.state_dict().items()}
    for tensor in transcriber.network_.state_dict().values():
        tensor.zero_()
    try:
        assert said(live, samples, [500]) == whole.text
    finally:
        transcriber.network_.load_state_dict(before)


def test_both_directions_cannot_be_live():
    with pytest.raises(InputError, match="bidirectional"):
        tiny().fit(*spoken(8)).stream()
    with pytest.raises(InputError, match="rate"):
        tiny(bidirectional=False).fit(*spoken(8)).stream(0)


def test_one_that_reads_both_ways_says_so_in_words_of_its_own():
    X, y = spoken(8)
    model = tiny(bidirectional=True).fit(X, y)
    with pytest.raises(InputError, match="transcriber that reads in both directions") as caught:
        model.stream()
    assert "--no-bidirectional" in caught.value.expected
