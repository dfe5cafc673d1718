"""How Kubernetes writes amounts."""

from hypothesis import given, strategies as st
import pytest

from custom_components.home_cluster.kube.quantities import amount


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0", 0),
        ("4", 4),
        ("+4", 4),
        ("250m", 0.25),
        ("1.5", 1.5),
        (".5", 0.5),
        ("2.", 2),
        ("137942n", 0.000137942),
        ("12u", 0.000012),
        ("3k", 3e3),
        ("512Ki", 512 * 1024),
        ("1.5Gi", 1.5 * 1024**3),
        ("2Ti", 2 * 1024**4),
        ("1Ei", 1024**6),
        ("16M", 16e6),
        ("5G", 5e9),
        ("7E", 7e18),
        ("1e3", 1e3),
        ("12E2", 1200),
        ("1e-3", 0.001),
    ],
)
def test_amounts_are_read(text: str, found: float) -> None:
    assert amount(text) == pytest.approx(found)


@pytest.mark.parametrize(
    "text",
    ["", " ", "m", "Ki", "-1", "-5m", "1 Gi", "1gi", "1KI", "1mi", "NaN", "inf", "1e", "1e400", "0x10", "1_0", "٣", "1Gi\n"],
)  # fmt: skip
def test_what_is_no_amount_is_none(text: str) -> None:
    assert amount(text) is None


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    found = amount(text)
    assert found is None or found >= 0
