"""What a CronJob tells of its runs."""

import pytest

from custom_components.home_cluster.kube.schema import Record
from custom_components.home_cluster.model.view import workload_view
from custom_components.home_cluster.model.views import Outcome, Runs

from .world import ago, complete, cron_job, deployment, failed, job, pod, situation


def runs(*records: Record) -> Runs:
    """Return the runs of the CronJob that is the first record."""
    found = workload_view(situation(*records)).runs
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("records", "outcome", "began", "name", "seconds"),
    [
        pytest.param((cron_job(),), Outcome.NONE, None, "", None, id="never"),
        pytest.param(
            (cron_job(last_scheduled=ago(30), active=("backup-1",)), job()),
            Outcome.RUNNING,
            30,
            "backup-1",
            None,
            id="under way",
        ),
        pytest.param(
            (
                cron_job(last_scheduled=ago(300), last_succeeded=ago(240)),
                job(started=ago(300), completed=ago(240), conditions=(complete(240),)),
            ),
            Outcome.SUCCEEDED,
            300,
            "backup-1",
            60,
            id="done",
        ),
        pytest.param(
            (
                cron_job(last_scheduled=ago(300)),
                job(started=ago(300), conditions=(failed(since=210),)),
            ),
            Outcome.FAILED,
            300,
            "backup-1",
            90,
            id="failed",
        ),
        pytest.param(
            (
                cron_job(last_scheduled=ago(300), last_succeeded=ago(240)),
                job(
                    created=ago(300),
                    started=ago(300),
                    completed=ago(240),
                    conditions=(complete(240),),
                ),
                job("backup-manual-x", created=ago(20), started=None),
            ),
            Outcome.RUNNING,
            20,
            "backup-manual-x",
            None,
            id="run by hand",
        ),
        pytest.param(
            (
                cron_job(last_scheduled=ago(300)),
                job(started=None, created=ago(299), conditions=(failed(since=200),)),
            ),
            Outcome.FAILED,
            299,
            "backup-1",
            None,
            id="failed before it began",
        ),
        # No Jobs are kept: its own times tell.
        pytest.param(
            (cron_job(last_scheduled=ago(300), last_succeeded=ago(240)),),
            Outcome.SUCCEEDED,
            300,
            "",
            None,
            id="forgotten, done",
        ),
        pytest.param(
            (cron_job(last_scheduled=ago(300), last_succeeded=ago(4000)),),
            Outcome.FAILED,
            300,
            "",
            None,
            id="forgotten, failed",
        ),
        pytest.param(
            (cron_job(last_scheduled=ago(5), last_succeeded=ago(4000)),),
            Outcome.NONE,
            5,
            "",
            None,
            id="just begun, not yet seen",
        ),
        pytest.param(
            (cron_job(last_scheduled=ago(300), active=("backup-2",)),),
            Outcome.RUNNING,
            300,
            "",
            None,
            id="under way, its Job not seen",
        ),
        pytest.param(
            (
                cron_job(last_scheduled=ago(60), last_succeeded=ago(40)),
                job(created=ago(900), started=ago(900), conditions=(failed(since=800),)),
            ),
            Outcome.SUCCEEDED,
            60,
            "",
            None,
            id="only an older failure is kept",
        ),
    ],
)  # fmt: skip
def test_the_last_run(
    records: tuple[Record, ...],
    outcome: Outcome,
    began: float | None,
    name: str,
    seconds: float | None,
) -> None:
    seen = runs(*records)
    assert (seen.outcome, seen.job, seen.seconds) == (outcome, name, seconds)
    assert seen.last == (None if began is None else ago(began))


def test_what_runs_alone_is_told() -> None:
    assert runs(cron_job(concurrency="Forbid")).alone
    assert not runs(cron_job(concurrency="Allow")).alone
    assert not runs(cron_job(concurrency="Replace")).alone


def test_others_have_no_runs() -> None:
    assert workload_view(situation(deployment(), pod())).runs is None
    assert workload_view(situation(job())).runs is None
