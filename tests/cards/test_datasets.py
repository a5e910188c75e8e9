"""datasets.py: a card for every data set, without a file of it."""

from dlib_bvae.cards.datasets import all_datasets, card, row
from dlib_bvae.datasets import DERIVED


def test_a_card_has_facts_source_and_an_example(tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_DATA_DIR", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "theirs.gin").write_text('dataset.name = "cars3d"\n', encoding="utf-8")
    known = all_datasets()
    assert {name for name, data in known.items() if data is None} == {
        *DERIVED,
        "scream_dsprites",
        "scream_dsprites_rendered",
    }
    text = card("cars3d", known["cars3d"], tmp_path, ["@misc{key}"])
    assert "| factors | elevation 4, azimuth 24, object_type 183 |\n" in text
    assert "| converted, in the cache | 216 MB |\n" in text
    assert "--gin_config=gin/beta4_shapes3d.gin --gin_config=gin/datasets/theirs.gin --model_dir=runs/theirs\n" in text
    assert row("dummy_data", known["dummy_data"])[1:] == (
        "512 of 16×16×1",
        "orientation 2, length 4, row 8, column 8",
        "this package",
    )
    subset = card("subset", None, tmp_path, [])
    assert "| `subset.values` | required | " in subset
    assert "## Facts\n\n|  | |\n| --- | --- |\n| version | 1 |\n\n## Parameters" in subset
    assert "## Versions" not in subset
