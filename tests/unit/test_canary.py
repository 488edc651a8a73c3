"""The rule by which a canary is rolled back, on numbers and times of the test's own."""

from dataclasses import dataclass

from penstock.canary import CanaryWatch, Counts, is_judged, verdict


@dataclass(frozen=True)
class Rule:
    max_error_ratio: float | None = None
    max_latency_ratio: float | None = None
    min_requests: int = 100
    window_s: float = 60.0


ERRORS = Rule(max_error_ratio=0.01)
LATENCY = Rule(max_latency_ratio=2.0)


def counts(calls: int, failed: int = 0, latency_ms: float = 1.0) -> Counts:
    ok = calls - failed
    return Counts(calls, failed, ok, int(ok * latency_ms * 1e6))


def test_a_rule_that_bounds_nothing_judges_nobody() -> None:
    assert not is_judged(Rule())
    assert is_judged(ERRORS)
    assert is_judged(LATENCY)
    assert verdict(Rule(), counts(1000), counts(1000, 1000)) == ""


def test_errors_count_beyond_those_of_the_stable_version() -> None:
    assert verdict(ERRORS, counts(1000), counts(1000, 10)) == ""
    reason = verdict(ERRORS, counts(1000), counts(1000, 11))
    assert reason.startswith("1.10% of its 1000 calls failed, of the stable version's 0.00%;")
    # What both suffer from is no fault of the canary.
    assert verdict(ERRORS, counts(1000, 200), counts(1000, 205)) == ""


def test_too_few_calls_are_no_reason() -> None:
    assert verdict(ERRORS, counts(1000), counts(99, 99)) == ""
    assert verdict(ERRORS, counts(1000), counts(100, 99))
    assert verdict(LATENCY, counts(1000), counts(99, 0, 50.0)) == ""


def test_a_stable_version_without_enough_calls_counts_as_one_without_errors_and_has_no_latency() -> None:
    assert verdict(ERRORS, counts(99, 99), counts(100, 2))
    assert verdict(LATENCY, counts(99), counts(1000, 0, 50.0)) == ""


def test_latency_is_compared_as_a_ratio() -> None:
    assert verdict(LATENCY, counts(1000, 0, 3.0), counts(1000, 0, 6.0)) == ""
    reason = verdict(LATENCY, counts(1000, 0, 3.0), counts(1000, 0, 6.1))
    assert reason.startswith("its calls took 6.100 ms on average, the stable version's 3.000 ms;")


def test_what_was_before_the_watch_does_not_count() -> None:
    watch = CanaryWatch(ERRORS)
    assert watch.look(0.0, counts(10_000), counts(5_000, 5_000)) == ""
    assert watch.look(1.0, counts(10_200), Counts(5_200, 5_000, 200, 0)) == ""
    assert watch.look(2.0, counts(10_400), Counts(5_400, 5_010, 390, 0))


def test_what_is_older_than_the_window_does_not_count() -> None:
    watch = CanaryWatch(Rule(max_error_ratio=0.5, window_s=10.0))
    watch.look(0.0, counts(0), counts(0))
    # Bad calls, but too few of them to judge by; then good ones, with the bad ones still in the window.
    assert watch.look(1.0, counts(99), counts(99, 99)) == ""
    assert watch.look(9.0, counts(200), Counts(150, 99, 51, 0))
    assert watch.look(11.0, counts(300), Counts(300, 99, 201, 0)) == ""
    # The window now begins behind the bad ones: of the calls in it half and one may fail.
    assert watch.look(12.0, counts(400), Counts(310, 109, 201, 0)) == ""


def test_counts_of_a_version_that_was_added_again_are_no_reason() -> None:
    watch = CanaryWatch(Rule(max_error_ratio=0.0, max_latency_ratio=1.0))
    watch.look(0.0, counts(1000), counts(1000))
    assert watch.look(1.0, counts(1100), counts(0)) == ""
