"""What a data scientist tries first, on the rows of `forecast.training_frame` with matured labels: one model a horizon."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_NO_FEATURES = ("moment", "deal_id", "rep_id", "exit_days", "outcome", "label")
Rival = Callable[[pl.DataFrame, pl.DataFrame], Floats]


def stage_base_rates(rows: pl.DataFrame, now: pl.DataFrame) -> Floats:
    """Return for each deal of now the share won of its stage's rows."""
    won = rows.group_by("stage").agg((pl.col("label") == "won").mean().alias("p"))
    usual = float(_won(rows).mean())
    return now.join(won, on="stage", how="left", maintain_order="left")["p"].fill_null(usual).to_numpy()


def naive_bayes(rows: pl.DataFrame, now: pl.DataFrame) -> Floats:
    """Return scikit-learn's Gaussian naive Bayes on standardised columns, unknown at the mean."""
    from sklearn.naive_bayes import GaussianNB

    return _plain(GaussianNB(), rows, now)


def logistic(rows: pl.DataFrame, now: pl.DataFrame) -> Floats:
    """Return scikit-learn's logistic regression as it comes, on standardised columns, unknown at the mean."""
    from sklearn.linear_model import LogisticRegression

    return _plain(LogisticRegression(max_iter=2000), rows, now)


def default_lightgbm(rows: pl.DataFrame, now: pl.DataFrame) -> Floats:
    """Return LightGBM as it comes, which reads unknown values itself."""
    import lightgbm

    model = lightgbm.LGBMClassifier(verbosity=-1, random_state=7, deterministic=True, force_col_wise=True, n_jobs=1)
    model.fit(_numbers(rows, rows), _won(rows))
    return np.asarray(model.predict_proba(_numbers(now, rows)))[:, 1]


RIVALS: dict[str, Rival] = {
    "stage base rates": stage_base_rates,
    "naive Bayes": naive_bayes,
    "plain logistic regression": logistic,
    "default LightGBM": default_lightgbm,
}


def _plain(model: object, rows: pl.DataFrame, now: pl.DataFrame) -> Floats:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    whole = make_pipeline(SimpleImputer(), StandardScaler(), model)
    whole.fit(_numbers(rows, rows), _won(rows))
    return np.asarray(whole.predict_proba(_numbers(now, rows)))[:, 1]


def _won(rows: pl.DataFrame) -> NDArray[np.bool_]:
    return (rows["label"] == "won").to_numpy()


def _numbers(frame: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    """Numbers as they are, one 0-1 column a value of texts (the values of `rows`)."""
    columns = [name for name in rows.columns if name not in _NO_FEATURES and rows[name].drop_nulls().n_unique() > 1]
    texts = [name for name in columns if rows.schema[name] == pl.String]
    values = [(name, value) for name in texts for value in sorted(rows[name].drop_nulls().unique())]
    numbers = [pl.col(name).cast(pl.Float64) for name in columns if name not in texts]
    flags = [(pl.col(name) == value).cast(pl.Float64).fill_null(0.0).alias(f"{name}={value}") for name, value in values]
    return frame.select(*numbers, *flags).to_numpy()
