"""The tests would see it: mistakes that clients make, made on purpose, and the test that catches each."""

from collections.abc import Callable
import inspect
import types

import pytest

from custom_components.home_cluster.kube import (
    cluster as cluster_module,
    gone,
    reflector,
)

from . import follow, test_cluster, test_faults, test_reflector
from .fuzz import story
from .virtual import run, until


def random_stories() -> None:
    """Run some random stories."""
    for seed in range(60):
        run(story(seed))


def outage() -> None:
    """Run the test of a short outage, without its look at the log."""

    async def short() -> None:
        house = follow.House(test_cluster.EIGHT)
        test_cluster.furnish(house)
        async with follow.inhabited(house):
            await house.cluster.wait_synced(5)
            await house.server.restart(20)
            await until(lambda: house.up, 6)
            assert test_cluster.states(house) == [
                test_cluster.UP,
                test_cluster.DOWN,
                test_cluster.UP,
            ]

    run(short())


def with_patches(test: Callable[[pytest.MonkeyPatch], None]) -> None:
    """Run a test that patches something."""
    with pytest.MonkeyPatch.context() as patch:
        test(patch)


R, C, G = reflector, cluster_module, gone
MUTANTS: dict[str, tuple[types.ModuleType, str, str, Callable[[], None]]] = {
    "accepts a partial beginning": (
        R,
        "        if fresh is not None:\n            raise Unreachable(",
        "        if fresh is not None:\n            self._replace(fresh, '1')\n            raise Unreachable(",
        lambda: test_faults.test_whatever_happens_at_first_it_becomes_right(
            "first event only"
        ),
    ),
    "publishes the first objects one by one": (
        R,
        "                    self._collect(event, item, fresh)\n                else:",
        "                    self._apply(event, item, changed)\n                else:",
        test_reflector.test_a_partial_beginning_is_never_shown,
    ),
    "takes the version of the first objects": (
        R,
        '        key = item.key\n        old = self.store.get(key)\n        if event == "DELETED" or',
        '        key = item.key\n        self._version = item.resource_version\n        old = self.store.get(key)\n        if event == "DELETED" or',
        test_reflector.test_the_versions_of_the_first_objects_are_nothing_to_go_on_from,
    ),
    "goes on from an expired version": (
        R,
        '            self._version = ""\n            self._expired += 1',
        "            self._expired += 1",
        test_reflector.test_410_within_a_watch_leads_to_a_complete_read_that_replaces,
    ),
    "merges instead of replacing": (
        R,
        "        for key in gone:\n            del store[key]\n",
        "        gone = set()\n",
        test_reflector.test_410_within_a_watch_leads_to_a_complete_read_that_replaces,
    ),
    "merges, seen by random stories": (
        R,
        "        for key in gone:\n            del store[key]\n",
        "        gone = set()\n",
        random_stories,
    ),
    "resumes after a broken connection": (
        R,
        '    def _lost(self, error: KubeError) -> float:\n        self._version = ""\n',
        "    def _lost(self, error: KubeError) -> float:\n",
        test_reflector.test_after_a_broken_connection_comes_a_complete_read,
    ),
    "ignores bookmarks": (
        R,
        "                        self._version = item.resource_version or self._version\n",
        "                        pass\n",
        test_reflector.test_a_collection_where_nothing_happens_goes_on_from_its_bookmarks,
    ),
    "believes the first 404": (
        R,
        "            self._refused_times < PERSISTENT_TIMES\n            or",
        "            False and",
        test_reflector.test_a_lone_refusal_proves_nothing,
    ),
    "counts refusals while the server is not ready": (
        R,
        "if not await self._ready():",
        "if False:",
        test_reflector.test_refusals_do_not_count_while_the_server_is_not_ready,
    ),
    "answers short streams without a pause": (
        R,
        "return self._backoff() if lasted < SHORT else 0\n\n    async def _failed",
        "return 0\n\n    async def _failed",
        test_faults.test_one_bookmark_and_an_end_is_not_answered_by_a_storm,
    ),
    "undercuts Retry-After": (
        R,
        "            self._not_before = now + delay\n",
        "",
        lambda: test_reflector.test_the_time_that_the_server_asks_for_is_never_undercut(
            test_faults.FAULTS["503"]().answer.__class__(503, b"", "30")  # type: ignore[attr-defined]
        ),
    ),
    "waits for ever for a byte": (
        R,
        "limit - (asked - line_at))",
        "1e9)",
        test_reflector.test_silence_is_noticed,
    ),
    "takes a quiet collection without bookmarks for a dead connection": (
        R,
        "seconds + SILENCE_AT_START if self.kind in UNMARKED else SILENCE",
        "SILENCE",
        test_reflector.test_a_quiet_collection_without_bookmarks_is_left_in_peace,
    ),
    "lets a dripping server pass for a living one": (
        R,
        "limit - (asked - line_at))",
        "limit)",
        lambda: test_faults.test_whatever_happens_at_first_it_becomes_right(
            "drip for ever"
        ),
    ),
    "forgets who follows a deletion": (
        R,
        "            if old is not None and old.uid == item.uid:\n",
        "            if old is not None:\n",
        test_reflector.test_events_out_of_order_do_not_bring_back_the_past,
    ),
    "takes late events": (
        R,
        "            else _ahead(item, old.resource_version) > 0\n",
        "            else True\n",
        test_reflector.test_an_event_told_twice_changes_nothing,
    ),
    "never reads all again": (
        R,
        "if self._clock() - self._replaced_at >= READ_AGAIN:",
        "if False:",
        test_reflector.test_a_store_is_read_again_now_and_then_because_versions_can_be_used_twice,
    ),
    "stays with a version from the future": (
        R,
        "if self._silent >= 2:",
        "if False:",
        test_reflector.test_a_version_from_the_future_is_given_up_after_two_silent_watches,
    ),
    "never gives way": (
        R,
        "    async def _yield(self) -> None:\n        await self._sleep(0)\n",
        "    async def _yield(self) -> None:\n",
        test_reflector.test_decoding_gives_way_to_others_and_tells_what_it_has_before,
    ),
    "takes an ordinary end for a loss": (
        R,
        "        if self._events:\n            self._heard_at = self._clock()\n",
        "        if self._events:\n            self._enter(Phase.BACKOFF, Unreachable())\n",
        test_reflector.test_an_ordinary_end_is_no_loss_and_the_watch_goes_on_where_it_was,
    ),
    "takes one broken stream for a loss": (
        C,
        "if answer is Answer.NONE or answer is Answer.UNAUTHORIZED:",
        "if True:",
        test_cluster.test_one_broken_stream_is_no_loss,
    ),
    "calls the link up when the server is ready": (
        C,
        "return all(reflector.phase is Phase.SYNCED for reflector in self._required)",
        "return any(r.phase is Phase.SYNCED for r in self._required)",
        test_cluster.test_the_link_is_not_up_before_the_last_collection_is_complete,
    ),
    "does not notice that a collection stays away": (
        C,
        "elif self._clock() - self._doubt_since >= GRACE:",
        "elif False:",
        test_cluster.test_a_collection_that_cannot_be_read_again_is_a_loss_although_the_server_is_ready,
    ),
    "probes seldom from the beginning": (
        C,
        "soon = now - began < LATER and not unauthorized",
        "soon = False",
        outage,
    ),
    "lets open watches outlive rights": (
        C,
        "if readable is (reflector.phase is Phase.DENIED):",
        "if readable and reflector.phase is Phase.DENIED:",
        lambda: with_patches(
            test_cluster.test_rights_are_looked_at_again_and_a_watch_does_not_outlive_them
        ),
    ),
    "takes a 404 for absence": (
        G,
        '        except KubeError:\n            return False\n        return "limit" in asked',
        '        except KubeError:\n            return True\n        return "limit" in asked',
        test_cluster.test_absence_is_confirmed_only_by_a_server_that_knows,
    ),
    "tells every change by itself": (
        C,
        "            asyncio.get_running_loop().call_soon(self._flush)",
        "            self._flush()",
        test_cluster.test_changes_are_told_once_a_turn_of_the_loop_without_a_timer,
    ),
}


def mutate(module: types.ModuleType, old: str, new: str) -> types.ModuleType:
    """Return the module with a mistake in it."""
    source = inspect.getsource(module)
    assert source.count(old) == 1, (
        f"{source.count(old)} times in {module.__name__}: {old}"
    )
    mutant = types.ModuleType(module.__name__)
    mutant.__package__ = module.__package__
    code = compile(source.replace(old, new), f"mutant of {module.__file__}", "exec")
    exec(code, vars(mutant))  # noqa: S102
    return mutant


@pytest.mark.parametrize("name", MUTANTS)
def test_the_mistake_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, old, new, check = MUTANTS[name]
    mutant = mutate(module, old, new)
    for home in (test_reflector, test_cluster, follow):
        for word in ("Phase", "Reflector", "LinkState", "Cluster"):
            if hasattr(mutant, word) and hasattr(home, word):
                monkeypatch.setattr(home, word, getattr(mutant, word))
    if module is R:
        monkeypatch.setattr(cluster_module, "Reflector", mutant.Reflector)
        monkeypatch.setattr(cluster_module, "Phase", mutant.Phase)
    elif module is G:
        monkeypatch.setattr(cluster_module, "Gone", mutant.Gone)
    else:
        monkeypatch.setattr(follow, "cluster_module", mutant)
        for word in ("UP", "DOWN", "UNAUTHORIZED"):
            monkeypatch.setattr(test_cluster, word, mutant.LinkState[word])
    with pytest.raises((AssertionError, RuntimeError)):
        check()
