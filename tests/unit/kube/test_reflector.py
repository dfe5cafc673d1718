"""How a collection is read, followed and read again."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from custom_components.home_cluster.kube.errors import Unreachable
from custom_components.home_cluster.kube.reflector import (
    ASK_AGAIN,
    READ_AGAIN,
    SILENCE,
    SILENCE_AT_START,
    WATCH_SECONDS,
    Phase,
)
from custom_components.home_cluster.kube.schema import Key, Kind

from .follow import EVENTUALLY, Followed, following, names
from .model_server import (
    EXPIRED,
    TOO_LARGE,
    Answer,
    Raise,
    Refuse,
    refusal,
    status_of,
    watch_fault,
)
from .virtual import run, until

A, B, Z = (Key("attic", name) for name in "abz")


def test_everything_is_there_at_once_and_followed() -> None:
    async def story() -> None:
        followed = Followed()
        for name in "ab":
            followed.server.put(Kind.POD, "attic", name)
        async with following(followed):
            await until(followed.same, 1)
            assert followed.changes == [({A, B}, True)]
            followed.server.put(Kind.POD, "attic", "z")
            followed.server.put(Kind.POD, "attic", "a", status={"phase": "Failed"})
            followed.server.delete(Kind.POD, "attic", "b")
            await until(followed.same, 1)
        assert names(followed.store) == {"a", "z"}
        assert followed.phases == [Phase.SYNCED]
        assert len(followed.asked) == 1

    run(story())


def test_a_namespace_is_all_that_is_read_where_one_is_named() -> None:
    async def story() -> None:
        followed = Followed(namespace="cellar")
        followed.server.put(Kind.POD, "attic", "a")
        followed.server.put(Kind.POD, "cellar", "c")
        async with following(followed):
            await until(followed.same, 1)
            assert names(followed.store) == {"c"}
            assert followed.asked[0].path == "/api/v1/namespaces/cellar/pods"

    run(story())


def test_an_ordinary_end_is_no_loss_and_the_watch_goes_on_where_it_was() -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.put(Kind.POD, "attic", "a")
        async with following(followed):
            await asyncio.sleep(3600)
            followed.server.put(Kind.POD, "attic", "b")
            await until(followed.same, 1)
        assert followed.phases == [Phase.SYNCED]
        first, *others = followed.asked
        assert first.initial
        assert all(not request.fresh for request in others)
        # Renewed at random between five and ten minutes, so that not all watches end together.
        assert 6 <= len(others) <= 12
        assert len({request.params["timeoutSeconds"] for request in others}) > 3

    run(story())


def test_idle_costs_a_request_in_seven_minutes() -> None:
    async def story() -> None:
        followed = Followed()
        async with following(followed):
            await asyncio.sleep(6 * 3600 - 60)
        assert len(followed.asked) / 6 / 60 <= 1 / 6

    run(story())


def test_a_store_is_read_again_now_and_then_because_versions_can_be_used_twice() -> (
    None
):
    async def story() -> None:
        followed = Followed()
        async with following(followed):
            await asyncio.sleep(READ_AGAIN + 700)
        assert sum(request.fresh for request in followed.asked) == 2
        assert followed.phases == [Phase.SYNCED]

    run(story())


def test_a_partial_beginning_is_never_shown() -> None:
    """The first objects come in the order of names: cut after the newest, the others would never come."""

    async def story() -> None:
        followed = Followed()
        for name in ("z", "a"):
            followed.server.put(Kind.POD, "attic", name)
        shown: list[set[str]] = []

        async def cut(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            yield await anext(lines)
            shown.append(names(followed.store))
            raise Unreachable("cut", reason="cut")

        followed.server.faults.append(watch_fault("cut", cut))
        async with following(followed):
            await until(followed.same, 5)
        assert shown == [set()]
        assert names(followed.store) == {"a", "z"}
        assert [request.initial for request in followed.asked] == [True, True]
        assert followed.changes == [({A, Z}, True)]

    run(story())


def test_the_versions_of_the_first_objects_are_nothing_to_go_on_from() -> None:
    """Objects come in the order of their names: the first may be the newest."""

    async def story() -> None:
        followed = Followed()
        for name in "za":
            followed.server.put(Kind.POD, "attic", name)
        throttled = followed.server.event("ERROR", status_of(429, "TooManyRequests"))

        async def first_only(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            yield await anext(lines)
            yield throttled

        async with following(followed):
            await until(followed.same, 1)
            await asyncio.sleep(5)
            followed.server.faults += [
                Refuse(refusal(EXPIRED)),
                watch_fault("first only", first_only, initial=True),
            ]
            followed.server.disconnect(clean=True)
            followed.server.put(Kind.POD, "attic", "z")
            followed.server.put(Kind.POD, "attic", "a")
            await until(followed.same, 6)
        fresh = [request.fresh for request in followed.asked]
        assert fresh == [True, False, True, True]

    run(story())


def test_a_collection_where_nothing_happens_goes_on_from_its_bookmarks() -> None:
    async def story() -> None:
        followed = Followed()
        async with following(followed):
            await until(lambda: followed.reflector.phase is Phase.SYNCED, 1)
            for number in range(50):
                followed.server.put(Kind.JOB, "attic", f"job-{number}")
            await asyncio.sleep(70)
            followed.server.compact()
            followed.server.disconnect(clean=True)
            await asyncio.sleep(5)
        assert [request.fresh for request in followed.asked] == [True, False]

    run(story())


def test_the_old_store_stays_until_the_new_one_is_complete() -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.put(Kind.POD, "attic", "a")
        async with following(followed):
            await until(followed.same, 1)
            followed.server.refusing = True
            followed.server.disconnect()
            await until(lambda: followed.reflector.phase is Phase.BACKOFF, 1)
            followed.server.delete(Kind.POD, "attic", "a")
            followed.server.put(Kind.POD, "attic", "b")
            followed.server.put(Kind.POD, "attic", "z")
            await asyncio.sleep(600)
            assert names(followed.store) == {"a"}

            async def slow(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
                async for line in lines:
                    await asyncio.sleep(1)
                    assert names(followed.store) in ({"a"}, {"b", "z"})
                    yield line

            followed.server.faults.append(watch_fault("slow", slow))
            followed.server.refusing = False
            await until(followed.same, 40)
            assert followed.changes[1:] == [({A, B, Z}, True)]

    run(story())


def test_after_a_broken_connection_comes_a_complete_read() -> None:
    """A store that was restored from a backup meanwhile is then seen at once."""

    async def story() -> None:
        followed = Followed()
        followed.server.put(Kind.POD, "attic", "a")
        backup = followed.server.snapshot()
        followed.server.put(Kind.POD, "attic", "ghost")
        async with following(followed):
            await until(followed.same, 1)
            followed.server.restore(backup)
            followed.server.put(Kind.POD, "attic", "b")
            await until(followed.same, 5)
        assert names(followed.store) == {"a", "b"}

    run(story())


def test_a_version_used_twice_for_the_same_object_is_seen() -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.put(Kind.POD, "attic", "a")
        backup = followed.server.snapshot()
        followed.server.put(Kind.POD, "attic", "a", status={"phase": "Failed"})
        async with following(followed):
            await until(followed.same, 1)
            followed.server.restore(backup)
            followed.server.put(Kind.POD, "attic", "a", status={"phase": "Running"})
            await asyncio.sleep(5)
            assert followed.store[A].phase == "Running"  # type: ignore[attr-defined]

    run(story())


def test_410_within_a_watch_leads_to_a_complete_read_that_replaces() -> None:
    async def story() -> None:
        followed = Followed()
        for name in "ab":
            followed.server.put(Kind.POD, "attic", name)
        async with following(followed):
            await until(followed.same, 1)
            await asyncio.sleep(5)
            followed.server.disconnect(clean=True)
            followed.server.delete(Kind.POD, "attic", "b")
            followed.server.put(Kind.POD, "attic", "z")
            followed.server.compact()
            await until(followed.same, 5)
        assert names(followed.store) == {"a", "z"}
        assert followed.phases == [Phase.SYNCED], "an expired version is no loss"

    run(story())


def test_410_of_http_leads_to_a_complete_read() -> None:
    async def story() -> None:
        followed = Followed()
        async with following(followed):
            await until(lambda: followed.reflector.phase is Phase.SYNCED, 1)
            await asyncio.sleep(5)
            followed.server.faults.append(Refuse(refusal(EXPIRED)))
            followed.server.disconnect(clean=True)
            followed.server.put(Kind.POD, "attic", "a")
            await until(followed.same, 5)
            assert [request.fresh for request in followed.asked] == [True, False, True]

    run(story())


@pytest.mark.parametrize("status", [EXPIRED, TOO_LARGE], ids=["410", "504"])
def test_a_server_that_finds_every_version_unusable_is_not_molested(
    status: dict[str, object],
) -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.watch_list = status
        async with following(followed):
            await asyncio.sleep(100)
            assert followed.reflector.phase is Phase.BACKOFF
            followed.polite()
            followed.server.watch_list = True
            await until(followed.same, 10)

    run(story())


def test_a_version_from_the_future_is_given_up_after_two_silent_watches() -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.put(Kind.POD, "attic", "a")

        async def silent(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            await asyncio.sleep(40)
            return
            yield b""

        async with following(followed):
            await until(followed.same, 1)
            followed.server.faults += [watch_fault("silent", silent, initial=False)] * 2
            await asyncio.sleep(2)
            followed.server.disconnect(clean=True)
            followed.server.delete(Kind.POD, "attic", "a")
            followed.server.put(Kind.POD, "attic", "b")
            await until(followed.same, 90)
        assert [request.fresh for request in followed.asked] == [
            True,
            False,
            False,
            True,
        ]

    run(story())


@pytest.mark.parametrize(
    "condition",
    [
        False,
        status_of(500, "InternalError", "no progress notices"),
        {"status": "Failure"},
        None,
    ],
    ids=["refused", "refused within the stream", "error without reason", "ignored"],
)
def test_a_server_without_watch_list_is_read_by_list(condition: object) -> None:
    async def story() -> None:
        followed = Followed()
        for number in range(600):
            followed.server.put(Kind.POD, "attic", f"pod-{number}")
        followed.server.watch_list = condition  # type: ignore[assignment]
        async with following(followed):
            within = SILENCE_AT_START + 5 if condition is None else 5
            await until(followed.same, within)
            assert followed.changes == [(set(followed.store), True)]
            pages = [request for request in followed.asked if not request.watch]
            assert [request.page for request in pages] == [False, True, True]
            followed.server.put(Kind.POD, "attic", "one-more")
            await until(followed.same, 1)
            # It is not tried in vain at every break, but again some day.
            followed.server.disconnect()
            await asyncio.sleep(10)
            assert sum(request.initial for request in followed.asked) == 1
            followed.server.watch_list = True
            await asyncio.sleep(3600)
            followed.server.disconnect()
            await asyncio.sleep(10)
            assert sum(request.initial for request in followed.asked) == 2
            followed.polite()

    run(story())


def test_a_list_whose_snapshot_is_forgotten_is_read_in_one_piece() -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.watch_list = False
        for number in range(600):
            followed.server.put(Kind.POD, "attic", f"pod-{number:03d}")

        class Forget(Refuse):
            def fits(self, request: object) -> bool:
                return getattr(request, "page", False)

        followed.server.faults += [Forget(refusal(EXPIRED)) for _ in range(50)]
        async with following(followed):
            await until(followed.same, 10)
            assert len(followed.store) == 600
            assert "limit" not in followed.asked[-2].params

    run(story())


def test_half_a_list_is_never_shown() -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.watch_list = False
        for number in range(600):
            followed.server.put(Kind.POD, "attic", f"pod-{number:03d}")

        class Half(Refuse):
            def fits(self, request: object) -> bool:
                return getattr(request, "page", False)

        followed.server.faults.append(
            Half(Answer(200, b'{"metadata": {}, "items": [{'))
        )
        async with following(followed):
            await until(followed.same, 10)
            assert followed.changes == [(set(followed.store), True)]

    run(story())


def test_silence_is_noticed() -> None:
    async def story() -> None:
        followed = Followed()
        async with following(followed):
            await until(lambda: followed.reflector.phase is Phase.SYNCED, 1)
            await asyncio.sleep(125)
            followed.server.silent = True
            waited = await until(lambda: followed.reflector.phase is Phase.BACKOFF, 80)
            assert waited <= SILENCE

    run(story())


def test_a_quiet_collection_without_bookmarks_is_left_in_peace() -> None:
    """As long as no Event happens its watch brings nothing, and that is no failure."""

    async def story() -> None:
        followed = Followed(Kind.EVENT)
        followed.server.put(Kind.EVENT, "attic", "a", type="Warning")
        async with following(followed):
            await asyncio.sleep(3600)
            assert followed.phases == [Phase.SYNCED]
            assert len(followed.asked) <= 3600 / WATCH_SECONDS[0]
            followed.server.put(Kind.EVENT, "attic", "b", type="Warning")
            await until(followed.same, 1)
            followed.server.silent = True
            waited = await until(lambda: followed.reflector.phase is Phase.BACKOFF, 700)
            assert waited <= WATCH_SECONDS[1] + SILENCE_AT_START

    run(story())


def test_silence_before_the_first_objects_is_noticed_sooner() -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.silent = True
        async with following(followed):
            waited = await until(lambda: followed.reflector.phase is Phase.BACKOFF, 40)
            assert waited <= SILENCE_AT_START + 1

    run(story())


def test_a_refused_connection_is_tried_again_politely_and_soon() -> None:
    async def story() -> None:
        followed = Followed()
        async with following(followed):
            await until(lambda: followed.reflector.phase is Phase.SYNCED, 1)
            followed.server.refusing = True
            followed.server.disconnect(clean=True)
            await until(lambda: followed.reflector.phase is Phase.BACKOFF, 5)
            await asyncio.sleep(280)
            followed.server.refusing = False
            assert await until(followed.same, 6) <= 6
            await until(lambda: followed.reflector.phase is Phase.SYNCED, 6)
            followed.server.refusing = True
            followed.server.disconnect(clean=True)
            await asyncio.sleep(1000)
            count = len(followed.asked)
            await asyncio.sleep(600)
            assert len(followed.asked) - count <= 41, (
                "after five minutes it is asked less often"
            )
            followed.server.refusing = False
            await until(lambda: followed.reflector.phase is Phase.SYNCED, 32)
            followed.polite()

    run(story())


def test_short_throttling_of_a_watch_is_waited_for_without_reading_all_again() -> None:
    async def story() -> None:
        followed = Followed()
        async with following(followed):
            await until(lambda: followed.reflector.phase is Phase.SYNCED, 1)
            await asyncio.sleep(5)
            text = Answer(429, b"Too many requests, please try again later.", "2")
            followed.server.faults.append(Refuse(text))
            followed.server.disconnect(clean=True)
            followed.server.put(Kind.POD, "attic", "a")
            await until(followed.same, 5)
            _, second, third = followed.asked
            assert third.at - second.at >= 2
            assert not third.fresh
            assert followed.phases == [Phase.SYNCED]

    run(story())


@pytest.mark.parametrize(
    "answer",
    [
        Answer(429, b"Too many requests, please try again later.", "30"),
        refusal(status_of(429, "TooManyRequests", "cache not ready", retry_after=30)),
        Answer(503, b"<html>Service Unavailable</html>", "30"),
    ],
    ids=["text", "status", "503"],
)
def test_the_time_that_the_server_asks_for_is_never_undercut(answer: Answer) -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.faults.append(Refuse(answer))
        async with following(followed):
            await asyncio.sleep(5)
        # Nor when somebody starts it anew.
        async with following(followed):
            await until(followed.same, 40)
            await until(lambda: len(followed.asked) == 2, 40)
            first, second = followed.asked
            assert 30 <= second.at - first.at <= 34

    run(story())


def test_a_lone_refusal_proves_nothing() -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.put(Kind.POD, "attic", "a")
        async with following(followed):
            await until(followed.same, 1)
            for condition in (followed.server.denied, followed.server.missing):
                await asyncio.sleep(5)
                condition.add(Kind.POD)
                followed.server.disconnect(clean=True)
                await asyncio.sleep(10)
                assert names(followed.store) == {"a"}
                condition.clear()
                await asyncio.sleep(5)
            assert followed.phases == [Phase.SYNCED]

    run(story())


def test_refusals_do_not_count_while_the_server_is_not_ready() -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.put(Kind.POD, "attic", "a")
        async with following(followed):
            await until(followed.same, 1)
            followed.server.missing.add(Kind.POD)
            followed.server.unready = True
            followed.server.disconnect(clean=True)
            await asyncio.sleep(300)
            assert names(followed.store) == {"a"}
            assert followed.reflector.phase is Phase.BACKOFF

    run(story())


def test_a_lasting_refusal_leaves_the_store_and_is_asked_again_every_five_minutes() -> (
    None
):
    async def story() -> None:
        followed = Followed()
        followed.server.put(Kind.POD, "attic", "a")
        async with following(followed):
            await until(followed.same, 1)
            followed.server.denied.add(Kind.POD)
            await asyncio.sleep(5)
            followed.server.disconnect(clean=True)
            waited = await until(lambda: followed.reflector.phase is Phase.DENIED, 30)
            assert 15 <= waited <= 21
            assert names(followed.store) == {"a"}
            count = len(followed.asked)
            await asyncio.sleep(3 * ASK_AGAIN)
            assert 2 <= len(followed.asked) - count <= 3
            followed.server.denied.clear()
            followed.server.put(Kind.POD, "attic", "b")
            await until(followed.same, ASK_AGAIN * 1.2)
            assert followed.reflector.phase is Phase.SYNCED

    run(story())


def test_a_kind_that_is_gone_empties_its_store_only_when_that_lasts() -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.put(Kind.POD, "attic", "a")
        async with following(followed):
            await until(followed.same, 1)
            followed.server.missing.add(Kind.POD)
            followed.server.disconnect(clean=True)
            await asyncio.sleep(12)
            assert names(followed.store) == {"a"}
            await until(lambda: followed.reflector.phase is Phase.ABSENT, 15)
            assert followed.store == followed.mirror == {}
            followed.server.missing.clear()
            await until(followed.same, ASK_AGAIN * 1.2)
            assert names(followed.store) == {"a"}

    run(story())


def test_an_object_that_cannot_be_read_harms_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.put(Kind.POD, "attic", "a")
        followed.server.put(Kind.POD, "attic", "b", spec={"containers": 3})
        async with following(followed):
            await until(lambda: names(followed.store) == {"a"}, 1)
            followed.server.put(Kind.POD, "attic", "a", status="odd")
            followed.server.put(Kind.POD, "attic", "z")
            await until(lambda: names(followed.store) == {"a", "z"}, 1)
            # It is left as it was, through a complete read too.
            followed.server.disconnect()
            await asyncio.sleep(10)
            assert names(followed.store) == {"a", "z"}
            followed.server.delete(Kind.POD, "attic", "a")
            followed.server.put(Kind.POD, "attic", "b", spec={})
            await until(lambda: names(followed.store) == {"b", "z"}, 1)
            assert len(followed.asked) == 2

    run(story())
    said = [record for record in caplog.records if "Cannot read" in record.message]
    assert len(said) == 2, "said once for each object"


def test_objects_of_no_interest_are_not_kept_but_the_watch_goes_on_after_them() -> None:
    async def story() -> None:
        followed = Followed(kind=Kind.EVENT)
        server = followed.server
        server.put(Kind.EVENT, "attic", "a")
        server.put(Kind.EVENT, "attic", "b", type="Normal", reason="Pulled")
        async with following(followed):
            await until(lambda: names(followed.store) == {"a"}, 1)
            server.put(Kind.EVENT, "attic", "z", type="Normal", reason="Pulled")
            server.put(Kind.EVENT, "attic", "a", type="Normal", reason="Pulled")
            await until(lambda: names(followed.store) == set(), 1)
            await asyncio.sleep(2)
            server.disconnect(clean=True)
            await asyncio.sleep(1)
            assert followed.asked[-1].params["resourceVersion"] == str(server.version)

    run(story())


def test_an_event_told_twice_changes_nothing() -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.duplicates = True
        async with following(followed):
            await until(lambda: followed.reflector.phase is Phase.SYNCED, 1)
            followed.server.put(Kind.POD, "attic", "a")
            followed.server.put(Kind.POD, "attic", "a")
            followed.server.delete(Kind.POD, "attic", "a")
            followed.server.put(Kind.POD, "attic", "a")
            await until(followed.same, 1)
            await asyncio.sleep(1)
            assert len(followed.changes) == 4

    run(story())


def test_events_out_of_order_do_not_bring_back_the_past() -> None:
    async def story() -> None:
        followed = Followed()

        async def reverse(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            yield await anext(lines)
            held = [await anext(lines) for _ in range(4)]
            for line in reversed(held):
                yield line
            async for line in lines:
                yield line

        followed.server.faults.append(watch_fault("reverse", reverse))
        async with following(followed):
            await until(lambda: followed.reflector.phase is Phase.SYNCED, 1)
            followed.server.put(Kind.POD, "attic", "a")
            followed.server.delete(Kind.POD, "attic", "a")
            followed.server.put(Kind.POD, "attic", "a")
            followed.server.put(Kind.POD, "attic", "a", status={"phase": "Running"})
            await until(followed.same, 1)

    run(story())


def test_an_object_made_anew_under_its_name_is_another_one() -> None:
    async def story() -> None:
        followed = Followed()
        old = followed.server.put(Kind.POD, "attic", "a")
        async with following(followed):
            await until(followed.same, 1)
            followed.server.delete(Kind.POD, "attic", "a")
            followed.server.put(Kind.POD, "attic", "a")
            await until(followed.same, 1)
            assert followed.store[A].uid != old["metadata"]["uid"]
            assert [keys for keys, _ in followed.changes[1:]] == [{A}, {A}]

    run(story())


def test_a_namespace_deleted_takes_all_with_it() -> None:
    async def story() -> None:
        followed = Followed()
        for number in range(300):
            followed.server.put(Kind.POD, "attic", f"pod-{number}")
        async with following(followed):
            await until(followed.same, 1)
            for key in list(followed.server.state(Kind.POD)):
                followed.server.delete(Kind.POD, *key)
            await until(followed.same, 1)
            assert followed.store == {}

    run(story())


def test_a_connection_that_cannot_be_trusted_is_a_loss_like_any() -> None:
    async def story() -> None:
        followed = Followed()
        followed.server.faults.append(Raise(Unreachable("refused", reason="refused")))
        async with following(followed):
            await until(lambda: followed.reflector.phase is Phase.BACKOFF, 1)
            assert isinstance(followed.reflector.error, Unreachable)
            await until(lambda: followed.reflector.phase is Phase.SYNCED, EVENTUALLY)
            assert followed.reflector.error is None

    run(story())


def test_decoding_gives_way_to_others_and_tells_what_it_has_before() -> None:
    """The clock of this test goes on by a millisecond each time it is read."""

    async def story() -> None:
        followed = Followed()
        loop = asyncio.get_running_loop()
        for number in range(100):
            followed.server.put(Kind.POD, "attic", f"pod-{number:03d}")
        ticks = 0

        def clock() -> float:
            nonlocal ticks
            ticks += 1
            return loop.time() + ticks / 1000

        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            loop.call_soon(turn)

        async def together(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            yield b"".join([await anext(lines) for _ in range(101)])
            yield b"".join([await anext(lines) for _ in range(50)])
            await asyncio.Event().wait()

        followed.server.faults.append(watch_fault("together", together))
        followed.reflector._clock = clock
        async with following(followed):
            turn()
            while not followed.same():
                await asyncio.sleep(0)
            assert turns >= 30
            assert len(followed.changes) == 1
            for number in range(50):
                followed.server.put(Kind.POD, "attic", f"pod-{number:03d}", more=1)
            while not followed.same():
                await asyncio.sleep(0)
            assert len(followed.changes) >= 10

    run(story())
