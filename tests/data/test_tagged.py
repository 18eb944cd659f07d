"""Tagged sentences from columns, CoNLL-U and JSON lines, and what is said when one is broken."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.data import _conll, files
from clew.data.tagged import iter_tagged, read_tagged
from clew.errors import InputError

CONLLU = """# newdoc
# text = Don't stop me
# mood = pleading
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\tVB\t_\t3\taux\t_\t_
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_
3\tstop\tstop\tVERB\tVB\t_\t0\troot\t_\t_
3.1\tnow\tnow\tADV\tRB\t_\t_\t_\t3:advmod\t_
4\tme\tI\tPRON\tPRP\tCase=Acc\t3\tobj\t_\t_

# mood = bored
1\t#\t#\tSYM\tNN\t_\t0\troot\t_\t_
"""


def saved(tmp_path: Path, text: str | bytes, name: str = "a.conll") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(tmp_path: Path, text: str | bytes, name: str = "a.conll", **how):
    found = read_tagged(saved(tmp_path, text, name), **how)
    return list(zip(found.tokens, found.tags, strict=True))


@pytest.mark.parametrize("between", [" ", "\t", "   ", " \t"])
def test_columns_with_any_separator(tmp_path: Path, between: str) -> None:
    lines = [
        "-DOCSTART- -X- O O",
        "",
        "EU NNP B-NP B-ORG",
        "acts VBZ B-VP O",
        "  ",
        "",
        "Now RB O O",
    ]
    if between == " \t":  # a tab cuts alone: what is beside it belongs to a column
        with pytest.raises(InputError, match="column"):
            read(tmp_path, "EU \tB-ORG\nnow\n")
        return
    text = "\r\n".join(line.replace(" ", between) for line in lines)
    expected = [(["EU", "acts"], ["B-ORG", "O"]), (["Now"], ["O"])]
    assert read(tmp_path, text) == expected
    path = saved(tmp_path, text)
    assert read_tagged(path).where == [f"{path}:3", f"{path}:7"]
    assert read_tagged(path).sentences[0].place(1) == f"{path}:4"
    assert read(tmp_path, text, tag=2)[0][1] == ["NNP", "VBZ"]
    assert read(tmp_path, text, tag="-3", word=-2)[0] == (["B-NP", "B-VP"], ["NNP", "VBZ"])


def test_a_word_with_a_space_where_tabs_are_between(tmp_path: Path) -> None:
    assert read(tmp_path, "New York\tB-LOC\n\xa0\tO\n") == [(["New York", "\xa0"], ["B-LOC", "O"])]


def test_comments_and_words_that_begin_with_a_hash(tmp_path: Path) -> None:
    text = "# a comment of many words\n#1 X\n# Y\na Z\n\n# id = 4\n#\n# W\nb Z\n"
    assert read(tmp_path, text) == [(["#1", "#", "a"], ["X", "Y", "Z"]), (["#", "b"], ["W", "Z"])]
    tabs = "# one two\n\n#\tX\nb\tX\n\n#mood = good\na\tY\n\n#\tX\n"
    assert read(tmp_path, tabs) == [(["#", "b"], ["X", "X"]), (["a"], ["Y"]), (["#"], ["X"])]


def test_conllu(tmp_path: Path) -> None:
    found = read(tmp_path, CONLLU, "a.conllu")
    assert found == [
        (["Do", "n't", "stop", "me"], ["AUX", "PART", "VERB", "PRON"]),
        (["#"], ["SYM"]),
    ]
    assert read(tmp_path, CONLLU, "a.txt") == found  # the content says what it is
    assert read(tmp_path, CONLLU, "a.conllu", tag="XPOS")[0][1] == ["VB", "RB", "VB", "PRP"]
    assert read(tmp_path, CONLLU, "a.conllu", word="lemma", tag=8)[0] == (
        ["do", "not", "stop", "I"],
        ["aux", "advmod", "root", "obj"],
    )
    assert read(tmp_path, CONLLU, "a.conllu", tag="feats")[0][1] == ["_", "_", "_", "Case=Acc"]
    path = saved(tmp_path, CONLLU, "a.conllu")
    labelled = read_tagged(path, label="mood")
    assert labelled.labels == ["pleading", "bored"]
    assert read_tagged(path).labels is None
    assert labelled.sentences[0].place(2) == f"{path}:7"
    plus = "# global.columns = ID FORM ARGUMENT\n1\tgo\tO\n2\thome\tB-X\n"
    assert read(tmp_path, plus, "a.conllu", tag="argument") == [(["go", "home"], ["O", "B-X"])]


def test_json_lines(tmp_path: Path) -> None:
    rows = [
        {"tokens": ["a", "b c"], "tags": ["X", "Y"], "intent": "go"},
        {"text": "d  e", "tags": "X Y", "intent": 1},
        {"words": [], "ner_tags": [], "intent": "none"},
        {"words": ["f"], "pos_tags": [3], "intent": "é"},
    ]
    text = "\n\n".join(json.dumps(row) for row in rows)
    expected = [
        (["a", "b c"], ["X", "Y"]), (["d", "e"], ["X", "Y"]), ([], []), (["f"], ["3"]),
    ]  # fmt: skip
    for name in ("a.jsonl", "a.ndjson.gz", "a"):
        raw = text.encode()
        assert read(tmp_path, gzip.compress(raw) if name.endswith("gz") else raw, name) == expected
    path = saved(tmp_path, text, "a.jsonl")
    assert read_tagged(path, label="intent").labels == ["go", "1", "none", "é"]
    assert read_tagged(path).where == [f"{path}:{n}" for n in (1, 3, 5, 7)]
    own = '{"form": ["a"], "kind": ["X"], "tags": ["Y"]}'
    assert read(tmp_path, own, word="form", tag="kind") == [(["a"], ["X"])]


def test_spans_become_bio(tmp_path: Path) -> None:
    text = "Fly me to New York, then (Oslo)."
    spans = [
        {"start": 26, "end": 30, "label": "to"},
        {"start": 10, "end": 19, "label": "to"},  # in any order; "York," is cut
        {"start": 18, "end": 19, "label": "comma"},
    ]
    row = json.dumps({"text": text, "spans": [spans[0], {**spans[1], "end": 18}, spans[2]]})
    assert read(tmp_path, row, "a.jsonl") == [
        (
            ["Fly", "me", "to", "New", "York", ",", "then", "(", "Oslo", ")."],
            ["O", "O", "O", "B-to", "I-to", "B-comma", "O", "O", "B-to", "O"],
        )
    ]
    assert read(tmp_path, '{"text": "a b", "entities": []}') == [(["a", "b"], ["O", "O"])]


@pytest.mark.parametrize(
    ("begin", "end", "cut"),
    [(4, 12, None), (4, 11, "New Yor"), (5, 12, "ew York"), (3, 12, None), (4, 13, None),
     (14, 16, "20"), (14, 18, None)],
)  # fmt: skip
def test_a_span_that_cuts_a_word_in_two_is_marked(tmp_path: Path, begin, end, cut) -> None:
    row = {"text": "to (New York) 2026.", "spans": [{"start": begin, "end": end, "label": "X"}]}
    [found] = read_tagged(saved(tmp_path, json.dumps(row), "a.jsonl")).sentences
    assert found.cut == cut
    assert "".join(found.tokens) == row["text"].replace(" ", "")


WORDS = st.text(alphabet="ab#-.\xa0é\u2028\x85\x1c", min_size=1, max_size=4).filter(
    lambda word: not word.startswith(("#", "-DOCSTART-"))
)


@given(
    sentences=st.lists(
        st.lists(st.tuples(WORDS, st.sampled_from(["O", "B-a", "I-a"])), min_size=1, max_size=5),
        min_size=1,
        max_size=5,
    ),
    blank=st.sampled_from(["\n", "\n\n", " \n", "\r\n"]),
    block=st.integers(1, 64),
)
def test_what_is_written_is_read(tmp_path_factory, sentences, blank, block) -> None:
    text = blank.join("".join(f"{w}\t{t}\n" for w, t in sentence) for sentence in sentences)
    path = saved(tmp_path_factory.mktemp("t"), text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.decoded, "__kwdefaults__", {"observe": None, "block": block})
        found = read_tagged(path)
    whole = [list(zip(s.tokens, s.tags, strict=True)) for s in found.sentences]
    assert whole == sentences
    lines = text.replace("\r\n", "\n").split("\n")
    for sentence in found.sentences:
        for number, token, tag in zip(sentence.lines, sentence.tokens, sentence.tags, strict=True):
            assert lines[number - 1] == f"{token}\t{tag}"
    assert found.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()


def test_packed_files_and_parts_of_a_folder(tmp_path: Path) -> None:
    saved(tmp_path, gzip.compress(CONLLU.encode()), "x-train.conllu.gz")
    saved(tmp_path, CONLLU.replace("SYM", "X"), "x-test.conllu")
    saved(tmp_path, "notes", "README")
    assert read_tagged(tmp_path).tags[1] == ["SYM"]
    assert read_tagged(tmp_path, split="test").tags[1] == ["X"]
    plain = hashlib.sha256(CONLLU.encode()).hexdigest()
    assert read_tagged(tmp_path).fingerprint == plain  # the same however it is packed
    with pytest.raises(InputError, match="no part 'dev'"):
        read_tagged(tmp_path, split="dev")


def test_a_file_is_read_as_it_is_asked_for(tmp_path: Path) -> None:
    """Sentence by sentence: what is broken further down is met only there."""
    path = saved(tmp_path, "a X\n\n" * 3 + "b\n")
    found = iter_tagged(path)
    assert [next(found).tokens for _ in range(3)] == [["a"]] * 3
    with pytest.raises(InputError, match="1 column"):
        next(found)


@pytest.mark.parametrize(
    ("name", "text", "message", "where"),
    [
        ("a.conll", "EU B-ORG\nacts\n", "1 column, the lines before it have 2", ":2"),
        ("a.conll", "a\tb\tc\n\nd\te\n", "2 columns, the lines before it have 3", ":3"),
        ("a.conll", "a X\n# a comment between\nb X\n", "4 columns", ":2"),
        ("a.conll", "a\tX\nb\t\n", "the tag is missing: column 2", ":2"),
        ("a.conll", "\tX\n", "the word is missing: column 1", ":1"),
        ("a.conll", "a\nb\n", "only one column", ":1"),
        ("a.conll", "", "no sentences", "a.conll"),
        ("a.conll", "\n\n# only this\n", "no sentences", "a.conll"),
        ("a.conll", b"caf\xe9 X\n", "not UTF-8: byte 3", "byte 3"),
        ("a.conll", b"a X\n\0", "binary file", "byte 4 (a NUL byte)"),
        (
            "a.conll.gz",
            gzip.compress(b"a X\n" * 999, mtime=0)[:-9],
            "compressed file is damaged",
            ".gz",
        ),
        ("a.conll.gz", b"\x1f\x8b, but not gzip", "compressed file is damaged", ".gz"),
        ("a.conllu", "1\ta\tX\n", "3 columns, CoNLL-U has 10", ":1"),
        ("a.conllu", "1 a a X X _ 0 root _ _\n", "1 column, CoNLL-U has 10", ":1"),
        ("a.conllu", CONLLU.replace("3\tstop", "4\tstop"), "number '4', and it is word 3", ":7"),
        ("a.conllu", CONLLU.replace("\n\n# mood = bored\n", "\n"), "'1', and it is word 5", ":10"),
        ("a.conllu", CONLLU.replace("VERB", "_"), "in CoNLL-U _ stands for none", ":7"),
        ("a.jsonl", '{"tokens": ["a"], "tags": ["X"]}\n{"tokens"\n', "not JSON", ":2, column 10"),
        ("a.jsonl", "[1]", "no object", ":1"),
        ("a.json", '[{"tokens": ["a"],\n "tags": ["X"]}]', "not JSON", ":1, column 19"),
        ("a.jsonl", '\n{"tokens": ["a", "b"], "tags": ["X"]}', "2 tokens and 1 tag", ":2"),
        ("a.jsonl", '{"tokens": ["a"]}', "neither tags", ":1"),
        ("a.jsonl", '{"tags": ["a"]}', "neither tokens", ":1"),
        ("a.jsonl", '{"tokens": ["a", null], "tags": ["X", "Y"]}', r"tokens\[1\] is None", ":1"),
        ("a.jsonl", '{"tokens": ["\\ud800"], "tags": ["X"]}', r"tokens\[0\]", ":1"),
        ("a.jsonl", '{"tokens": 3, "tags": ["X"]}', "the tokens are 3", ":1"),
        ("a.jsonl", '{"text": ["a"], "spans": []}', "the text is", ":1"),
        ("a.jsonl", '{"text": "a", "spans": {}}', "the spans are", ":1"),
        ("a.jsonl", '{"text": "a", "spans": [[0, 1, "X"]]}', "a span is", ":1"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, text: str | bytes, message: str, where: str):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, text, name)
    assert caught.value.where is not None
    assert caught.value.where.endswith(where)


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ({"start": 0, "end": 9, "label": "X"}, "holds no word"),
        ({"start": 2, "end": 1, "label": "X"}, "holds no word"),
        ({"start": 1, "end": 2, "label": "X"}, "holds no word"),
        ({"start": 0, "end": True, "label": "X"}, "a span is"),
        ({"start": 0, "end": 1, "label": ""}, "a span is"),
        ({"start": 0, "end": 1, "label": "two words"}, "a span is"),
        ({"start": 0, "end": 1}, "a span is"),
        ({"start": 2, "end": 4, "label": "X"}, "overlap"),
    ],
)
def test_broken_spans(tmp_path: Path, span: dict, message: str) -> None:
    row = {"text": "a bcd", "spans": [{"start": 3, "end": 5, "label": "Y"}, span]}
    with pytest.raises(InputError, match=message):
        read(tmp_path, json.dumps(row), "a.jsonl")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"tag": 3}, "no column 3"),
        ({"tag": "upos"}, "no column 'upos'"),
        ({"word": -3}, "no column -3"),
        ({"word": 2}, "the same column 2"),
        ({"word": 0}, "word=0"),
        ({"tag": True}, "tag=True"),
        ({"label": "intent"}, "no label 'intent'"),
        ({"label": 1}, "label=1"),
        ({"split": "test"}, "no part 'test'"),
    ],
)
def test_columns_there_are_not(tmp_path: Path, how: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, "a X\n", **how)


def test_other_things_than_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_tagged(tmp_path / "none.conll")
    saved(tmp_path, "a X\n")
    with pytest.raises(InputError, match="this is a folder") as caught:
        read_tagged(tmp_path)
    assert "a.conll" in str(caught.value)


def test_a_file_without_empty_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_conll, "LONGEST", 50)
    assert len(read(tmp_path, "a X\n" * 50)[0][0]) == 50
    with pytest.raises(InputError, match="more than 50 words") as caught:
        read(tmp_path, "a X\n" * 51)
    assert caught.value.where == f"{tmp_path / 'a.conll'}:51"
