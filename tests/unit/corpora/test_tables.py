"""Tables as people keep them: each row with its line, each fault with its line and what to do."""

import gzip
from pathlib import Path

import pytest

from crnn_audio.corpora import tables
from crnn_audio.errors import DataError


def read(folder: Path, name: str, content: str | bytes) -> tables.Table:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return tables.read(path)


ROWS = [{"path": "a.wav", "text": "one, two"}, {"path": "b c.wav", "text": 'say "hi"'}]
SPELLINGS = {
    "comma.csv": 'path,text\r\na.wav,"one, two"\r\nb c.wav,"say ""hi"""\r\n',
    "semicolon.csv": 'Path; Text \na.wav;one, two\n\nb c.wav;"say ""hi"""',
    "tabs.csv": 'path\ttext\na.wav\tone, two\nb c.wav\t"say ""hi"""\n',
    "tabs.tsv": 'path\ttext\na.wav\tone, two\nb c.wav\tsay "hi"\n',
    "LOUD.TSV": '\ufeffPATH\tTEXT\na.wav\tone, two\nb c.wav\tsay "hi"\n',
    "lines.jsonl": '{"path": "a.wav", "text": "one, two"}\n\n{"Path": "b c.wav", "text": "say \\"hi\\"", "no": [1]}\n',
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_rows_are_the_same_however_they_are_spelled(tmp_path, name) -> None:
    table = read(tmp_path, name, SPELLINGS[name])
    assert [row.fields for row in table.rows] == ROWS
    assert table.problems == []
    assert tables.is_table(tmp_path / name)
    first, second = (row.line for row in table.rows)
    assert SPELLINGS[name].splitlines()[first - 1].find("one") > 0
    assert SPELLINGS[name].splitlines()[second - 1].find("hi") > 0


def test_packed_json_lines(tmp_path) -> None:
    table = read(tmp_path, "lines.jsonl.gz", gzip.compress(SPELLINGS["lines.jsonl"].encode()))
    assert [row.fields for row in table.rows] == ROWS


def test_a_field_of_several_lines_is_one_field_and_later_lines_count_on(tmp_path) -> None:
    table = read(tmp_path, "a.csv", 'path,text\n"a\nb.wav",one\nc.wav,two\n')
    assert [(row.line, row.fields["path"]) for row in table.rows] == [(2, "a\nb.wav"), (4, "c.wav")]


@pytest.mark.parametrize(
    ("name", "content", "problems"),
    [
        ("a.csv", "path,text\na,b\nc\nd,e,f\n", ["line 3: 1 fields where the header has 2", "line 4: 3 fields"]),
        ("a.tsv", "path\ttext\na\tb\tc\n", ["line 2: 3 fields where the header has 2. A field may hold no tab"]),
        (
            "a.jsonl",
            '{"path": 1}\n{"path"\n[2]\n',
            ["line 2: not a JSON object", "line 3: not a JSON object (each line"],
        ),
    ],
)
def test_rows_of_the_wrong_shape_are_problems_of_theirs(tmp_path, name, content, problems) -> None:
    table = read(tmp_path, name, content)
    assert len(table.problems) == len(problems)
    for found, expected in zip(table.problems, problems, strict=True):
        assert found.startswith(f"{tmp_path / name}, ")
        assert expected in found


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", 'path,text\na,b\nc,"d\ne,f\ng,h\n', r"a\.csv, line 3: broken quoting in the row that begins here"),
        ("a.csv", 'path,text\na,"b" c\n', r"a\.csv, line 2: broken quoting"),
        (
            "a.csv",
            "path,text\na,caf\xe9\n".encode("latin-1"),
            r"line 2: not UTF-8 \(byte \d+ is 0xe9\)\. Save it as UTF-8",
        ),
        ("a.tsv", "path\ttext\n".encode("utf-16"), r"a\.tsv, line 1: UTF-16 where UTF-8 is expected"),
        ("a.jsonl.gz", b"no gzip", r"a\.jsonl\.gz: cannot be read"),
        ("a.jsonl.gz", gzip.compress(b"x" * 999, mtime=0)[:-9], r"a\.jsonl\.gz: cannot be read"),
        ("a.csv", "  \n", r"a\.csv: empty\. A table needs a header"),
        ("a.csv", "path,text,Path\n", r"a\.csv, line 1: 'path' names two columns"),
    ],
)
def test_what_breaks_the_whole_table(tmp_path, name, content, message) -> None:
    with pytest.raises(DataError, match=message) as raised:
        read(tmp_path, name, content)
    assert "\n" not in str(raised.value)


def test_a_table_that_is_not_there_or_a_folder(tmp_path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            tables.read(path)
