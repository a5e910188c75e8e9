"""The page and its Markdown: whole, escaped, without a request; pictures kept for a report of rows alone."""

import html.parser
import re

import pandas
import pytest
from matplotlib.figure import Figure
from support import report_rows
from support.report_rows import beta_vae, training

import dlib_bvae
from dlib_bvae import re_beta_vae
from dlib_bvae.commands import run as run_command
from dlib_bvae.errors import UserError
from dlib_bvae.re_beta_vae.gallery import Gallery

_VOID = {"meta", "img", "link", "br", "hr", "input"}
_EVIL = "<script>alert('|')</script>"


class Tags(html.parser.HTMLParser):
    """Balances tags and collects addresses and text of headings."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.addresses, self.anchors, self.headings, self.seen = [], [], [], [], [], set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.addresses += [text for name, text in attrs if name in ("src", "href", "action", "data")]
        self.anchors += [text for name, text in attrs if name == "id"]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))

    def handle_data(self, text):
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(text)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    frame = report_rows.whole_study()
    other = beta_vae(training("dsprites_rendered", "4-VAE", 1, "MLP", train_config__model__model="@other()"), 50)
    frame = report_rows.frame([*frame.to_dict("records"), {**other, "train_results.model": _EVIL}])
    path = tmp_path_factory.mktemp("rows") / "runs.parquet"
    frame.to_parquet(path)
    return path


@pytest.fixture(scope="module")
def written(rows, tmp_path_factory):
    output = tmp_path_factory.mktemp("report")
    return re_beta_vae.write(rows, output, pictures=False)


def parsed(path) -> Tags:
    tags = Tags()
    tags.feed(path.read_text(encoding="utf-8"))
    tags.close()
    return tags


def test_the_page_is_balanced_and_asks_for_nothing(written):
    tags = parsed(written[0])
    assert (tags.wrong, tags.open) == ([], [])
    assert len(tags.anchors) == len(set(tags.anchors))
    inside = {address[1:] for address in tags.addresses if address.startswith("#")}
    assert inside <= set(tags.anchors)
    others = {address for address in tags.addresses if not address.startswith("#")}
    assert {address.split(";")[0] for address in others if address.startswith("data:")} == {"data:image/svg+xml"}
    links = {address for address in others if not address.startswith("data:")}
    assert {address.split("/")[0] for address in links} == {"figures", "tables"}
    assert all((written[0].parent / address).is_file() for address in links)
    text = written[0].read_text(encoding="utf-8")
    assert re.findall(r"<script[^>]*>", text) == ["<script>"]
    assert "http" not in re.search(r"<script>(.*)</script>", text, re.DOTALL)[1].replace("(http)", "")
    style = re.search(r"<style>(.*)</style>", text, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_every_table_and_figure_of_the_paper_has_its_place(written):
    headings = " ".join(parsed(written[0]).headings)
    for name in (
        "six claims",
        *(f"Table {n}:" for n in (1, 2, 3)),
        *(f"Figure {n}:" for n in range(1, 9)),
        "Figures 9 and 10",
    ):
        assert name in headings
    markdown = written[1].read_text(encoding="utf-8")
    assert [line[4:6] for line in markdown.splitlines() if line.startswith("### ")] == [f"{n}." for n in range(1, 7)]


def test_numbers_stand_next_to_the_papers(written):
    for path in written:
        text = path.read_text(encoding="utf-8")
        for number in ("95.15", "99.23 ± 0.1", "80.73 ± 12.03", "266.5", "29.3", "210.0 ± 0.0"):
            assert number in text


def test_names_are_text(written):
    page, markdown = (path.read_text(encoding="utf-8") for path in written)
    assert page.count("<script") == 1  # the page's own
    assert "&lt;script&gt;alert(&#39;|&#39;)&lt;/script&gt; is no β-VAE" in page
    assert "<script" not in markdown
    assert "&lt;script>alert('\\|')&lt;/script> is no β-VAE" in markdown


def test_tables_of_markdown_are_tables(written):
    lines = written[1].read_text(encoding="utf-8").splitlines()
    for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
        if line.startswith("| ---") or line.startswith("|  ---"):
            cells = [re.sub(r"\\\|", "", each).count("|") for each in (before, line, after)]
            assert cells[0] == cells[1] == cells[2] > 2
    assert sum(line.startswith("| --- |") for line in lines) >= 8


def test_every_table_and_figure_is_there_in_three_forms(written):
    folder, markdown = written[1].parent, written[1].read_text(encoding="utf-8")
    names = {path.name.rsplit(".", 1)[0] for path in (folder / "tables").glob("*.csv")}
    assert {"verdicts", "table_2", "table_1_dsprites_rendered_MLP", "table_3_cifar10_Conv", "figure_3"} <= names
    for name in names:
        assert all((folder / "tables" / f"{name}.{kind}").is_file() for kind in ("tex", "md"))
        assert f"[LaTeX](<tables/{name}.tex>)" in markdown
    assert {path.name for path in (folder / "figures").glob("figure_3.*")} == {
        f"figure_3.{k}" for k in ("svg", "pdf", "png")
    }
    assert "[SVG](<figures/figure_3.svg>) · [PDF](<figures/figure_3.pdf>) · [PNG](<figures/figure_3.png>)" in markdown


def test_the_first_table_has_a_verdict_for_each_claim_and_data_set(written):
    page, markdown = (path.read_text(encoding="utf-8") for path in written)
    assert page.index('id="answer"') < page.index('id="verdicts"') < page.index('id="claims"')
    answer = re.search(r'<p id="answer">(.*)</p>', page)[1]
    assert answer == (
        "Verdicts on the paper&#39;s six claims, by data set: holds 6, does not hold 0, not decidable 7; 9 not run."
    )
    rows = [line for line in markdown.splitlines() if line.startswith("| ")][:8]
    assert rows[0].startswith("| claim | dsprites\\_rendered, MLP | dsprites\\_rendered, Conv | shapes3d, Conv |")
    assert len({row.count("|") for row in rows}) == 1
    assert rows[2].startswith("| 1. The near-perfect 99 % of Higgins et al.")
    assert "| holds (p" in rows[2]
    assert rows[2].rstrip().endswith("| – | – | – | – |")


def test_the_page_says_when_and_by_what_it_was_made_and_how_to_cite_it(rows, written, tmp_path):
    frame = pandas.read_parquet(rows)
    frame["train_results.started"] = ["2026-01-02T03:04:05Z"] * (len(frame) - 1) + ["2026-02-03T00:00:00Z"]
    frame["evaluation_results.environment.package_version"] = "0.9.0"
    frame["evaluation_results.environment.git_commit"] = "0123456789abcdef0123"
    frame.to_parquet(tmp_path / "dated.parquet")
    page, markdown = (
        path.read_text(encoding="utf-8")
        for path in re_beta_vae.write(tmp_path / "dated.parquet", tmp_path / "report", pictures=False)
    )
    assert f"Results by dlib_bvae 0.9.0, commits 0123456789. Page by dlib_bvae {dlib_bvae.__version__}." in page
    assert "Newest run: 2026-01-02." in page  # the newer one is excluded
    assert "@software{dlib_bvae," in page
    assert "Newest run: 2026-01-02. Results by dlib\\_bvae 0.9.0, commits 0123456789." in markdown
    assert "Newest run: not recorded" in written[0].read_text(encoding="utf-8")


def test_words_of_the_field(written):
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert re.search(
            r"This report covers \d+ training runs and \d+ evaluations\. Excluded: 1 evaluation of 1 other run, see the end\.",
            text,
        )
        for heading in (
            "Training set-up",
            "Effect of seed selection",
            "Excluded runs",
            "Figure 5: factor paths in PCA space",
        ):
            assert heading in text
        assert "images used for fitting" in text
        assert not re.search(r"\b(beside|told|asked for|left out|they were fitted to|decoded)\b", text)


def test_pictures_of_the_markdown_are_there(written):
    links = re.findall(r"!\[[^\]]*\]\(<([^>]*)>\)", written[1].read_text(encoding="utf-8"))
    assert links == ["figures/figure_3.svg", "figures/figure_6.svg"]
    assert all((written[1].parent / link).is_file() for link in links)


def test_a_table_of_the_user_is_refused(rows, tmp_path):
    path = tmp_path / "tables" / "table_2.csv"
    path.parent.mkdir()
    path.write_text("mine")
    with pytest.raises(UserError, match="table_2.csv is not as this package wrote it, or another's"):
        re_beta_vae.write(rows, tmp_path, pictures=False)
    assert path.read_text() == "mine"
    assert not (tmp_path / "report.html").exists()


def test_the_same_rows_are_the_same_report(rows, written, tmp_path):
    again = re_beta_vae.write([rows, rows], tmp_path / "other", pictures=False)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]


@pytest.mark.slow
def test_pictures_drawn_before_are_kept_without_models(rows, tmp_path):
    gallery = Gallery(tmp_path / "figures", draw=True)
    kept = gallery.picture(
        "figure_4_dsprites_rendered_MLP_4-VAE", "of seed 7", "alt", "run 7", lambda: Figure(figsize=(1, 1))
    )
    page = re_beta_vae.write(rows, tmp_path, pictures=True)[0].read_text(encoding="utf-8")
    assert f'src="{kept.data_uri}"' in page
    assert "of seed 7" in page
    assert (
        'Figure 4: dsprites_rendered, MLP, 1-VAE: <span class="none">missing: the run&#39;s directory is not here'
        in page
    )


def test_nothing_to_report(tmp_path):
    with pytest.raises(UserError, match="no evaluation in"):
        re_beta_vae.write(tmp_path, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_the_command(rows, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["report", f"--results={rows}", f"--output={tmp_path}", "--no_pictures"])
    with pytest.raises(SystemExit) as stop:
        run_command("report")
    assert stop.value.code == 0
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / "report.html"),
        str(tmp_path / "report.md"),
    ]
    monkeypatch.setattr("sys.argv", ["report", "--results=nowhere.parquet", f"--output={tmp_path}"])
    with pytest.raises(SystemExit) as stop:
        run_command("report")
    assert stop.value.code == 2
    assert "there is no nowhere.parquet" in capsys.readouterr().err


def test_a_percent_sign_stays_on_the_line_of_its_number_in_html_only(written):
    html_page, markdown = (path.read_text(encoding="utf-8") for path in written)
    assert "\N{NO-BREAK SPACE}%" in html_page
    assert "\N{NO-BREAK SPACE}%" not in markdown


@pytest.mark.parametrize(
    "name", ["report.html", "report.md", "figures/figure_3.svg", "figures/figure_3.pdf", "figures/figures.json"]
)
def test_a_file_of_the_user_is_refused_before_results_are_read(name, tmp_path):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(UserError, match=f"{name} is not as this package wrote it, or another's"):
        re_beta_vae.write(tmp_path / "no-such-results", tmp_path)
    assert [(each, each.read_text()) for each in tmp_path.rglob("*") if each.is_file()] == [(path, "mine")]
