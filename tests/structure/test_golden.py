"""What each overlay differs in from the base, or from prod, is what was reviewed last."""

import pytest

from tests.structure import golden
from tests.structure import manifests as k8s


@pytest.mark.parametrize("overlay", k8s.OVERLAYS)
def test_an_overlay_differs_as_reviewed(overlay: str) -> None:
    kept = golden.file_of(overlay)
    assert kept.exists()
    assert golden.difference(overlay) == kept.read_text(), "make k8s-golden writes it anew, for review"


def test_no_file_is_kept_of_an_overlay_that_is_gone() -> None:
    assert {golden.file_of(each) for each in k8s.OVERLAYS} == set(golden.FOLDER.iterdir())


def test_values_are_placed_by_name_and_lists_without_names_by_their_content() -> None:
    spec = {"list": [{"x": 1}, {"x": 2}], "named": [{"name": "n", "y": 3}]}
    assert golden.lines([{"kind": "A", "metadata": {"name": "a"}, "spec": spec}]) == [
        'A/a spec.list[] = {"x": 1}',
        'A/a spec.list[] = {"x": 2}',
        "A/a spec.named[n].name = n",
        "A/a spec.named[n].y = 3",
    ]
