"""A table as CSV, LaTeX and Markdown: text stays text in each."""

import csv
import io

from dlib_bvae.re_beta_vae import exports
from dlib_bvae.re_beta_vae.tables import Table

EVIL = "=1+1 <b> 50 % & a_b {x} \\ | #1 $ ~ ^"
TABLE = Table(
    "name", "A % title", ["model", "score ± β"], [["4-VAE", "77.69 ± 4.57"], [EVIL, "−1.00 … –"]], ["A note, 5 %."]
)


def test_csv_has_the_cells_as_text():
    found = exports.files(TABLE)
    assert list(found) == ["name.csv", "name.tex", "name.md"]
    rows = list(csv.reader(io.StringIO(found["name.csv"].decode())))
    assert rows == [
        TABLE.header,
        TABLE.rows[0],
        ["'" + EVIL, TABLE.rows[1][1]],
    ]  # what a spreadsheet would run is quoted


def test_latex_has_booktabs_and_nothing_that_latex_would_run():
    lines = exports.latex(TABLE).splitlines()
    assert lines[:2] == ["% A % title", "% A note, 5 %."]
    assert lines[2:5] == [r"\begin{tabular}{ll}", r"\toprule", r"model & score $\pm$ $\beta$ \\"]
    assert lines[6] == r"4-VAE & 77.69 $\pm$ 4.57 \\"
    evil = (
        r"=1+1 \textless{}b\textgreater{} 50 \% \& a\_b \{x\} \textbackslash \space \textbar{} \#1 \$ "
        r"\textasciitilde \space \textasciicircum "
    )
    assert lines[7] == evil + r" & $-$1.00 \ldots{} -- \\"
    assert lines[8:] == [r"\bottomrule", r"\end{tabular}"]


def test_a_title_of_many_lines_is_one_comment():
    assert exports.latex(TABLE._replace(title="a\n\\input{b}")).splitlines()[0] == r"% a \input{b}"


def test_markdown_is_a_table_in_which_nothing_is_markup():
    lines = exports.markdown(TABLE).splitlines()
    assert lines[0] == "**A % title**"
    assert lines[2:5] == ["| model | score ± β |", "| --- | --- |", "| 4-VAE | 77.69 ± 4.57 |"]
    assert r"&lt;b> 50 % &amp; a\_b {x} \\ \|" in lines[5]
    assert lines[-1] == "A note, 5 %."
    assert exports.plain("a\n*b*") == r"a \*b\*"
