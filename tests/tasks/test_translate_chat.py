"""Conversations: what is said is read once, and remembered as if it were one text."""

import numpy as np
import pytest
import torch
from translators import TINY, Told, pairs

from clew.errors import InputError
from clew.tasks._translate.answers import closed
from clew.tasks._translate.problem import ListedPairs, Rows
from clew.tasks.translate import Translator


@pytest.fixture(scope="module", params=["one way", "both ways"])
def model(request):
    X, y = pairs(40)
    settings = {**TINY, "shared": True, "bidirectional": request.param == "both ways"}
    ids = [n // 4 for n in range(40)]
    return Translator(**settings).fit(X, y, conversation=ids)


def joined(model, chat, last):
    """The answer to all turns and replies and the last turn, read at once."""
    side = model._speaker().sides.source
    parts = [text for turn in chat.history for text in turn] + [last]
    ids = np.concatenate([closed(side.encode([text])[0], side) for text in parts])
    speaker = model._speaker()
    with torch.inference_mode():
        x = torch.from_numpy(ids[-speaker.longest - 1 :])[:, None]
        if not model.bidirectional:
            outputs, final = model.network_.read(
                torch.from_numpy(ids)[:, None], torch.tensor([len(ids)])
            )
            kept = outputs[-speaker.longest - 1 :]
            memory = model.network_.remember(kept, torch.tensor([len(kept)]), x, final)
        else:
            memory = model.network_.encode(x, torch.tensor([len(x)]))
    return memory


def test_a_conversation_is_its_joined_text_bit_for_bit(model):
    chat = model.chat()
    for turn in ("red one.", "Tom!", "", "two blue green", "red."):
        expected = joined(model, chat, turn)
        seen = []
        with pytest.MonkeyPatch.context() as patch:
            network = model.network_
            start = network.start
            patch.setattr(network, "start", lambda m, s=start, seen=seen: (seen.append(m), s(m))[1])
            reply = chat.say(turn)
        assert chat.history[-1] == (turn, reply)
        [memory] = seen
        assert torch.equal(memory.outputs, expected.outputs)
        for ours, theirs in zip(memory.state[0], expected.state[0], strict=True):
            assert torch.equal(ours, theirs)


def test_chats_do_not_hear_each_other_and_forget_when_told(model):
    first, second, third = model.chat(), model.chat(), model.chat()
    answers = []
    for turn in ("red one.", "Tom."):
        answers.append(first.say(turn))
        second.say("blue blue blue")
    assert [third.say(turn) for turn in ("red one.", "Tom.")] == answers
    second.reset()
    assert second.history == []
    assert [second.say(turn) for turn in ("red one.", "Tom.")] == answers
    kept = second.history
    kept.clear()
    assert len(second.history) == 2
    for wrong in (3, None, ["a"], "\ud800"):
        with pytest.raises(InputError):
            second.say(wrong)
    assert len(second.history) == 2
    assert model.chat(beam=2).say("red") is not None


def test_conversations_need_one_vocabulary_and_an_id_for_each_pair():
    X, y = pairs(8)
    with pytest.raises(InputError, match="one vocabulary"):
        Translator(**TINY).fit(X, y, conversation=[0] * 8)
    with pytest.raises(InputError, match="7 conversation ids"):
        Translator(**TINY, shared=True).fit(X, y, conversation=[0] * 7)


def test_only_whole_conversations_are_held_out():
    X, y = pairs(40)
    told = Told()
    model = Translator(**TINY, shared=True).fit(
        X, y, conversation=[n // 8 for n in range(40)], report=told
    )
    assert model.data_["held_out"] == 8
    assert model.data_["pairs"] == 32


def test_the_source_of_a_turn_is_all_that_was_said_cut_from_the_left():
    sources = [np.array(p) for p in ([2], [3, 3], [4], [5])]
    targets = [np.array(p) for p in ([6], [7], [8, 8], [9])]
    first = np.array([0, 0, 0, 3])
    for longest in range(2, 14):
        rows = Rows(ListedPairs(sources, targets), np.arange(4), (1, 1), longest, first)
        every = [2, 1, 6, 1, 3, 3, 1, 7, 1, 4, 1]
        truth = [every[:2], every[:7], every, [5, 1]]
        for number, source in enumerate(truth):
            found, target = rows.pair(number)
            assert found.tolist() == source[-(longest + 1) :]
            assert target.tolist() == [*targets[number], 1]
            assert rows.lengths[number].tolist() == [len(found), len(target)]
