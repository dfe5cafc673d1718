"""The gate on Home Assistant's log lets nothing of ours through, and leaves the rest alone."""

from pathlib import Path

from testbed.house_log import complaints

START = "2026-11-24 03:12:58.800"
LINES = f"""\
{START} WARNING (SyncWorker_0) [homeassistant.loader] We found a custom integration home_cluster which has not been tested by Home Assistant. This component might cause stability problems
{START} ERROR (MainThread) [homeassistant.setup] Setup failed for 'assist_pipeline': no dependency
{START} INFO (MainThread) [custom_components.home_cluster] The cluster is back
{START} WARNING (MainThread) [custom_components.home_cluster.hub] It is slow
{START} ERROR (MainThread) [homeassistant] Error doing job
Traceback (most recent call last):
  File "/config/custom_components/home_cluster/hub.py", line 12, in f
ValueError: no
{START} WARNING (MainThread) [homeassistant.util.loop] Detected blocking call to open with args
"""


def test_names_only_what_is_ours_or_blocks(tmp_path: Path) -> None:
    """Our warning, the traceback through our file, the blocking call: these and no other."""
    log = tmp_path / "home-assistant.log"
    log.write_text(LINES)
    found = complaints(log)
    assert [one.logger for one in found] == [
        "custom_components.home_cluster.hub",
        "homeassistant",
        "homeassistant.util.loop",
    ]
    assert "ValueError: no" in found[1].text


def test_a_house_that_never_ran_has_no_complaints(tmp_path: Path) -> None:
    """Without a log there is nothing to judge."""
    assert complaints(tmp_path / "missing.log") == []
