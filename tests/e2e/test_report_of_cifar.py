"""Real runs on re-encoded CIFAR-10 pictures: the report has figures like the paper's 8 to 10, and calls them re-encoded."""

import zipfile
from pathlib import Path

import pytest
from support.tiny_runs import bound, done, train

from dlib_bvae import re_beta_vae
from dlib_bvae.re_beta_vae import figures

PICTURES = Path(__file__).resolve().parents[3] / "shared" / "data" / "cifar10_jpg.zip"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PICTURES.exists(), reason="CIFAR-10 as JPEG, shared/data next to the repository, is not here"
    ),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of two β and two seeds on forty of the pictures, each two steps long."""
    folder = tmp_path_factory.mktemp("cifar")
    with zipfile.ZipFile(PICTURES) as archive:
        for name in [each for each in archive.namelist() if each.endswith(".jpg")][:40]:
            path = folder / "cifar10_jpg" / Path(name).name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(archive.read(name))
    lines = ["dataset.name = 'image_folder'", f"image_folder.path = '{folder / 'cifar10_jpg'}'"]
    lines += ["image_folder.height = 64", "image_folder.width = 64", "model.model = @vae()", "encoder.num_latent = 4"]
    lines += ["encoder.encoder_fn = @burgess_encoder", "decoder.decoder_fn = @burgess_decoder", "model.batch_size = 8"]
    lines += ["reconstruction_loss.loss_fn = @bernoulli_loss", "model.training_steps = 2", "model.log_every = 1"]
    for beta in (0.1, 10.0):
        for seed in (1, 2):
            run = folder / "runs" / f"{beta}-{seed}"
            train(run, *lines, f"vae.beta = {beta}", f"model.random_seed = {seed}")
            done("postprocess", f"--model_dir={run}")
            done("evaluate", f"--model_dir={run}", "--metric=active_units", *bound("active_units.num_train = 40"))
    return folder / "runs"


def test_the_report_has_their_figures_and_never_calls_them_official(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "_found", lambda name: (None, "not asked for here", name))
    _, report = re_beta_vae.write(runs, tmp_path)
    text = report.read_text(encoding="utf-8").replace("\\", "")
    label = "image_folder(cifar10_jpg) (re-encoded)"
    for caption in ("As Figure 8", "As Figure 9", "As Figure 10"):
        (line,) = [each for each in text.splitlines() if each.startswith(f"{caption}: {label}, Conv")]
        assert "missing" not in line
    assert f"Table 3: {label[:-1]}, not the official files), Conv" in text
    assert "the files are not known to be the official ones" in text
    assert f"- **not decidable**, {label}, Conv: Means in nats per image: 0.1-VAE" in text  # two seeds
    assert "cifar10 (official files), Conv" not in text
    for kind in ("svg", "pdf", "png"):
        assert (tmp_path / "figures" / f"figure_9_image_folder_cifar10_jpg_re_encoded_Conv_0.1-VAE.{kind}").is_file()
