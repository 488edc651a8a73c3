"""Random fitted preprocessing and random rows: the columns of scikit-learn, or refused where it refuses."""

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from numpy.typing import NDArray

from penstock import import_sklearn
from penstock._fastpath import RequestError
from tests.sklearn_import.columns import as_dicts, assert_equal, fitted_columns, imported_columns, spec_of
from tests.sklearn_import.pipelines import INTS, TEXTS, Fitted, fitted

pytestmark = pytest.mark.timeout(600)


def fitted_or_refusal(case: Fitted) -> tuple[str, NDArray[np.float64]]:
    """Why scikit-learn refuses the rows, else its columns."""
    try:
        return "", fitted_columns(case.transformer, case.table)
    except ValueError as error:
        (known,) = (word for word in ("unknown categories", "NaN", "infinity") if word in str(error))
        return known, np.empty(0)


@given(fitted())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
def test_rows_get_scikit_learns_columns_or_are_refused_with_it(case: Fitted) -> None:
    rows = as_dicts(case.table)
    refused, wanted = fitted_or_refusal(case)
    if refused:
        if {*TEXTS, *INTS} - {*spec_of(import_sklearn(case.transformer)).feature_kinds}:
            event("refused for what may be no feature: a column whose only category is dropped")
            return
        event("refused")
        with pytest.raises(RequestError):
            imported_columns(case.transformer, rows)
        return
    event("taken")
    assert_equal(imported_columns(case.transformer, rows), wanted)
    assert_equal(imported_columns(case.transformer, rows, "FP32"), wanted)
