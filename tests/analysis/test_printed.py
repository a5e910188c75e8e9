"""printed.py: names are text in Markdown, LaTeX and on a terminal, which says what it left out."""

import pytest

from dlib_bvae.analysis.printed import MOST_ROWS, Table, latex, markdown, terminal

HARMFUL = "[a](x:b)\n\\end{tabular} $x$ & 50 % #1 _ ~ ^ |<script>\x1b"
TABLE = Table(["name_1", "mean ± std"], [["β-VAE β = 4 · conv", "0.5 ± 0.1"], [HARMFUL, "–"]], ["mean ± std"], [(0, 1)])


def test_markdown_has_a_line_a_row():
    assert markdown(TABLE) == (
        "| name_1 | mean ± std |\n"
        "| --- | ---: |\n"
        "| β-VAE β = 4 · conv | **0.5 ± 0.1** |\n"
        "| \\[a\\](x:b) \\\\end{tabular} $x$ & 50 % #1 _ ~ ^ \\|&lt;script>\\x1b | – |\n"
    )


def test_latex_has_a_tabular_of_booktabs_and_no_command_of_a_name():
    lines = latex(TABLE, "means of 5 seeds\nof 50 %").splitlines()
    assert lines == [
        "% means of 5 seeds of 50 %",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"name\_1 & mean $\pm$ std \\",
        r"\midrule",
        r"$\beta$-VAE $\beta$ = 4 $\cdot$ conv & \textbf{0.5 $\pm$ 0.1} \\",
        r"{[}a](x:b) \textbackslash end\{tabular\} \$x\$ \& 50 \% \#1 \_ \textasciitilde \space \textasciicircum \space "
        r"\textbar{}\textless{}script\textgreater{}\textbackslash x1b & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_an_empty_table_is_one_in_latex_and_markdown():
    empty = Table(["a", "b"], [])
    assert r"a & b \\" in latex(empty)
    assert len(markdown(empty).splitlines()) == 2


@pytest.mark.parametrize(
    ("width", "columns", "left"),
    [(80, "ABCD", ""), (35, "ABC", "the column " + "D" * 10), (24, "AB", "2 columns: C"), (5, "A", "3 columns: B")],
)
def test_a_terminal_shows_the_columns_that_fit_and_names_the_others(monkeypatch, width, columns, left):
    monkeypatch.setenv("COLUMNS", str(width))
    heads = [letter * 10 for letter in "ABCD"]
    text = terminal({"title": Table(heads, [["[red]x", "1", "2", "3"]])}, "out/results.md", first=1, every=1)
    title, _, text = text.partition("\n")
    table, _, said = text.partition("left out: ")
    assert title == "title"
    assert max(map(len, table.splitlines())) <= width
    assert [letter for letter in "ABCD" if letter in table] == list(columns)
    assert said.startswith(left)
    assert said.endswith("; all is in out/results.md\n") == (left != "")
    assert "".join(table.split()).endswith("[red]x" + "123"[: len(columns) - 1])


def test_a_terminal_shows_some_rows_and_says_how_many_it_left_out(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    tables = {name: Table(["a"], [[f"row {k}"] for k in range(MOST_ROWS)]) for name in "xy"}
    text = terminal(tables, "results.md", first=1, every=1234)
    assert text.count(f"row {MOST_ROWS // 2 - 1}\n") == 2
    assert f"row {MOST_ROWS // 2}" not in text
    assert text.endswith(f"left out: {1234 - MOST_ROWS:,} of 1,234 rows; all is in results.md\n")


def test_nothing_to_show_is_nothing():
    assert terminal({}, "results.md", first=1, every=0) == "\n"


def test_a_terminal_of_unknown_width_has_80_columns(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    text = terminal({"": Table([letter * 30 for letter in "ABC"], [["1", "2", "3"]])}, "r", first=1, every=1)
    assert "the column " + "C" * 30 in text


def test_control_characters_are_seen(monkeypatch):
    text = terminal({"title\x1b": TABLE}, "results.md", first=2, every=2)
    assert "\x1b" not in text
    assert text.startswith("title\\x1b\n")
    assert "\\x1b" in text.replace("\n", "")
