"""The table of known codes for every metric, in parts that can run at once: `nice -n 19 python benchmarks/validity.py [OUT]`.

Scores each metric of codes by `dlib_bvae_metrics validity` as the parts of PARTS say: those of the default list on data of 200,
1,000 and 10,000 images (100,000 with --all), the others on 1,000, dci_es on 200. Each part goes on where it was interrupted.
Writes results/validity.csv, a row a score (see docs/validity.md), with numbers rounded to four digits.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from dlib_bvae.stages import identification, validity

RESULT = Path(__file__).parent / "results" / "validity.csv"
CHEAP = "factor_vae_score,mig,irs,dci_lasso,mig_sup,dcimig,jemmig,med,snc,mcc,linear_identifiability,omes,t_mex"
SECONDS = "infomec,dci,sap,modularity_explicitness,beta_vae"
OTHERS = (
    "fos,sap_dlib,factor_vae_score_dlib,irs_dlib,active_units,unsupervised,fairness,modularity_explicitness_dlib,"
    "dci_random_forest,downstream_task,reduced_downstream_task,strong_downstream_task,unified_scores"
)
PARTS = {
    "cheap": (CHEAP, "200,1000,10000"),
    "seconds": (SECONDS, "200,1000,10000"),
    "others": (OTHERS, "1000"),
    "explicitness": ("dci_es", "200"),
}
LARGE = {"large": (CHEAP, "100000")}


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("out", nargs="?", type=Path, default=Path("runs/validity"), help="where the parts are kept")
    flags.add_argument("--all", action="store_true", help="data of 100,000 images too")
    given = flags.parse_args()
    tables = []
    for name, (metric, sizes) in {**PARTS, **(LARGE if given.all else {})}.items():
        path = given.out / name / "identification.csv"
        if not path.exists():
            validity.run(metric, output_dir=path.parent, sizes=sizes)
        tables.append(pd.read_csv(path, keep_default_na=False, na_values=[""]))
    write(pd.concat(tables))


def write(frame: pd.DataFrame) -> None:
    """Writes rows with identification.COLUMNS to RESULT."""
    order = ["metric", "images", "structure", "codes", "seed", "score"]
    sorted_rows = frame[identification.COLUMNS].sort_values(order, kind="stable")
    sorted_rows.to_csv(RESULT, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
