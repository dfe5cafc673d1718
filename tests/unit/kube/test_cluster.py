"""How the link to the cluster is lost and found, and what is told of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
import logging
from typing import Any

import pytest

from custom_components.home_cluster.kube import reflector as reflector_module
from custom_components.home_cluster.kube.cluster import REVIEW_EVERY, LinkState
from custom_components.home_cluster.kube.errors import Unauthorized, Unreachable
from custom_components.home_cluster.kube.reflector import ASK_AGAIN, Phase
from custom_components.home_cluster.kube.schema import Key, Kind, Ref

from .follow import House, inhabited, names, rates
from .model_server import (
    FORBIDDEN,
    READYZ,
    SECRET,
    Answer,
    Raise,
    Refuse,
    refusal,
    status_of,
    watch_fault,
)
from .virtual import run, until

KINDS = {Kind.POD: None, Kind.NODE: None, Kind.DEPLOYMENT: None, Kind.EVENT: None}
EIGHT = dict.fromkeys(
    (
        *KINDS,
        Kind.STATEFUL_SET,
        Kind.DAEMON_SET,
        Kind.CRON_JOB,
        Kind.JOB,
    )
)
UP, DOWN, UNAUTHORIZED = LinkState.UP, LinkState.DOWN, LinkState.UNAUTHORIZED


def states(house: House) -> list[LinkState]:
    """Return the states of the link as they were told."""
    return [state for _, state in house.links]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged, but for details."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno > logging.DEBUG
    ]


def furnish(house: House) -> None:
    """Put some things in."""
    for name in ("pi-attic", "pi-cellar"):
        house.server.put(Kind.NODE, "", name)
    for name in "abc":
        house.server.put(Kind.POD, "attic", name)
    house.server.put(Kind.DEPLOYMENT, "attic", "fridge")


class Rights:
    """Rights to read everything but some kinds."""

    def __init__(self, *denied: Kind) -> None:
        """Allow all but these."""
        self.denied = denied

    def allows(
        self,
        verb: str,
        resource: Kind | str,
        group: str = "",
        namespace: str | None = None,
    ) -> bool:
        """Say whether a kind may be read."""
        return resource not in self.denied


def test_the_link_is_up_when_everything_is_known() -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        async with inhabited(house):
            assert house.cluster.link is LinkState.CONNECTING
            assert await house.cluster.wait_synced(5)
            assert house.same()
            assert house.cluster.synced
            assert states(house) == [UP]
            assert house.cluster.version == "v1.37.2"
            assert house.cluster.store(Kind.JOB) == {}

    run(story())


def test_the_link_is_not_up_before_the_last_collection_is_complete() -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)

        async def slow(lines_: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            await asyncio.sleep(8)
            async for line in lines_:
                yield line

        fault = watch_fault("slow", slow)
        house.server.faults.append(fault)
        async with inhabited(house):
            assert not await house.cluster.wait_synced(7)
            assert not house.cluster.synced
            assert await house.cluster.wait_synced(2)
            assert states(house) == [UP]

    run(story())


def test_changes_are_told_once_a_turn_of_the_loop_without_a_timer() -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            turns, now = house.turns, house.loop.time()
            for name in "xyz":
                house.server.put(Kind.POD, "attic", name)
                house.server.put(Kind.DEPLOYMENT, "attic", name)
            while not house.same():
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert house.loop.time() == now
            assert house.turns - turns == 1

    run(story())


def test_an_ordinary_end_of_all_streams_is_no_loss() -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            for _ in range(5):
                await asyncio.sleep(30)
                house.server.disconnect(clean=True)
            await asyncio.sleep(3600)
            assert states(house) == [UP]

    run(story())


def test_one_broken_stream_is_no_loss() -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            for _ in range(5):
                await asyncio.sleep(30)
                house.server.disconnect()
            await asyncio.sleep(5)
            assert states(house) == [UP]

    run(story())


@pytest.mark.parametrize("clean", [True, False], ids=["stopped", "killed"])
@pytest.mark.parametrize("outage", [1, 3, 20, 120, 299, 900, 4000])
def test_an_outage_is_told_within_5_seconds_and_its_end_within_6(
    outage: float, clean: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        house = House(EIGHT)
        furnish(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            await asyncio.sleep(100)
            before = {kind: dict(house.cluster.store(kind)) for kind in EIGHT}
            began = house.loop.time()
            ending = asyncio.create_task(house.server.restart(outage, clean=clean))
            await until(lambda: house.cluster.link is DOWN, 5)
            assert {kind: dict(house.cluster.store(kind)) for kind in EIGHT} == before
            house.server.put(Kind.POD, "attic", "meanwhile")
            await ending
            ready = house.loop.time()
            within = 6 if outage < 300 else 35
            await until(lambda: house.up, within)
            assert house.same()
            assert states(house) == [UP, DOWN, UP]
            assert house.links[1][0] - began <= 5
            assert house.links[2][0] - ready <= within
            assert not house.cluster.denied
            assert max(rates(house.server.requests).values()) <= 10

    caplog.set_level(logging.INFO)
    run(story())
    lost, back = lines(caplog)
    assert lost.startswith("Lost the connection to the cluster: refused")
    assert back.startswith("The cluster is back after")


@pytest.mark.parametrize("idle", [1, 45, 59, 61, 300, 450])
def test_a_silent_break_is_told_within_80_seconds(idle: float) -> None:
    async def story() -> None:
        house = House(EIGHT)
        furnish(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            await asyncio.sleep(idle)
            house.server.silent = True
            waited = await until(lambda: house.cluster.link is DOWN, 81)
            assert waited <= 80
            await asyncio.sleep(60)
            house.server.silent = False
            assert await until(lambda: house.up, 6.1) <= 6
            assert states(house) == [UP, DOWN, UP]

    run(story())


def test_a_silent_break_is_told_in_time_even_if_things_happened_until_then() -> None:
    async def story() -> None:
        house = House({Kind.POD: None})
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            await asyncio.sleep(123)
            house.server.put(Kind.POD, "attic", "a")
            await asyncio.sleep(0.01)
            house.server.silent = True
            assert await until(lambda: house.cluster.link is DOWN, 81) <= 80

    run(story())


def test_a_collection_that_cannot_be_read_again_is_a_loss_although_the_server_is_ready() -> (
    None
):
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        broken = Answer(500, b"etcd: request timed out")
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            await asyncio.sleep(10)

            class Pods(Refuse):
                def fits(self, request: Any) -> bool:
                    return bool(request.path.endswith("/pods"))

            house.server.faults += [Pods(broken) for _ in range(6)]
            house.server.disconnect(clean=True)
            assert await until(lambda: house.cluster.link is DOWN, 5) <= 5
            await until(lambda: house.up, 40)
            assert house.same()
            assert states(house) == [UP, DOWN, UP]

    run(story())


def test_a_server_that_answers_but_is_not_ready_is_waited_for() -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            await asyncio.sleep(10)
            house.server.unready = True
            house.server.disconnect()
            await until(lambda: house.cluster.link is DOWN, 5)
            await asyncio.sleep(100)
            count = len(house.server.requests)
            await asyncio.sleep(60)
            asked = house.server.requests[count:]
            assert {request.path for request in asked} == {READYZ}
            assert len(asked) <= 40
            house.server.unready = False
            await until(lambda: house.up, 6)

    run(story())


def test_what_was_known_before_an_outage_is_not_taken_for_read_again() -> None:
    """Also if only one collection noticed it, and is read before the others have begun."""

    async def story() -> None:
        house = House(KINDS)
        house.server.watch_list = False
        furnish(house)

        def told(changes: Mapping[Kind, set[Key]]) -> None:
            house.on_change(changes)
            assert house.same() or not house.up

        async with inhabited(house):
            await house.cluster.wait_synced(5)
            house.server.unready = True
            house.cluster._reflectors[0].give_up(Unreachable("gone", reason="cut"))
            await until(lambda: house.cluster.link is DOWN, 5)
            house.server.put(Kind.POD, "attic", "meanwhile")
            house.server.put(Kind.NODE, "", "meanwhile")
            house.cluster._on_change = told
            house.server.unready = False
            await until(lambda: house.up, 6)
            assert house.same()

    run(story())


def test_a_server_that_throttles_after_its_start_is_waited_for() -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            await asyncio.sleep(10)
            ending = asyncio.create_task(house.server.restart(8))
            await asyncio.sleep(5)
            house.server.faults += [
                Refuse(
                    refusal(
                        status_of(429, "TooManyRequests", "not ready", retry_after=1)
                    )
                )
                for _ in KINDS
            ]
            await ending
            await until(lambda: house.up, 6)
            assert house.same()

    run(story())


def test_the_first_connection_waits_for_a_server_that_is_not_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        house.server.refusing = True
        async with inhabited(house):
            assert not await house.cluster.wait_synced(60)
            assert states(house) == [DOWN]
            assert isinstance(house.cluster.error, Unreachable)
            house.server.refusing = False
            assert await house.cluster.wait_synced(6)
            assert house.same()

    caplog.set_level(logging.INFO)
    run(story())
    assert len(lines(caplog)) == 2


def test_a_denied_kind_stops_no_other_and_is_no_loss() -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        house.server.denied.add(Kind.NODE)
        async with inhabited(house):
            assert await house.cluster.wait_synced(25)
            assert house.cluster.denied == {(Kind.NODE, None)}
            assert names(house.cluster.store(Kind.POD)) == {"a", "b", "c"}
            house.server.put(Kind.POD, "attic", "d")
            await until(lambda: "d" in names(house.cluster.store(Kind.POD)), 1)
            # Through an outage as well.
            await house.server.restart(10)
            await until(lambda: house.up, 6)
            assert house.cluster.denied == {(Kind.NODE, None)}
            house.server.denied.clear()
            await until(house.same, ASK_AGAIN * 1.2)
            assert house.cluster.denied == frozenset()
            assert states(house) == [UP, DOWN, UP]

    run(story())


def test_refusals_right_after_a_start_deny_nothing() -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            for settling in (0.03, 1, 5):
                await asyncio.sleep(400)
                await house.server.restart(3, settling=settling)
                await until(lambda: house.up, 6)
                assert house.same()
                assert not house.cluster.denied

    run(story())


def test_a_kind_that_the_server_does_not_know_is_absent() -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        house.server.missing.add(Kind.EVENT)
        async with inhabited(house):
            assert await house.cluster.wait_synced(25)
            assert house.cluster.absent == {(Kind.EVENT, None)}
            assert not house.cluster.denied

    run(story())


def test_namespaces_are_followed_one_by_one_in_one_store() -> None:
    async def story() -> None:
        house = House({Kind.POD: ("attic", "cellar")})
        for namespace in ("attic", "cellar", "garden"):
            for name in "ab":
                house.server.put(Kind.POD, namespace, name)
        async with inhabited(house):
            assert await house.cluster.wait_synced(5)
            store = house.cluster.store(Kind.POD)
            assert {key.namespace for key in store} == {"attic", "cellar"}
            assert len(store) == 4
            house.server.disconnect()
            house.server.delete(Kind.POD, "attic", "a")
            await until(lambda: len(store) == 3, 5)
            assert Key("cellar", "a") in store

    run(story())


def test_idle_costs_less_than_two_requests_a_minute_with_eight_watches() -> None:
    async def story() -> None:
        asked = 0

        async def review() -> Any:
            nonlocal asked
            asked += 1
            return Rights()

        house = House(EIGHT, review=review)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            count = len(house.server.requests)
            await asyncio.sleep(3 * 3600)
            requests = len(house.server.requests) - count + asked
            assert requests / 180 <= 1.75
            assert 30 <= asked <= 40
            assert states(house) == [UP]
            assert house.cluster.latency is not None

    run(story())


def reviewed(*answers: Any) -> tuple[Callable[[], Any], list[Any]]:
    """Return a review that answers so, one after the other and the last for ever, and what it said."""
    said: list[Any] = []

    async def review() -> Any:
        answer = answers[min(len(said), len(answers) - 1)]
        said.append(answer)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return review, said


def test_rights_are_looked_at_again_and_a_watch_does_not_outlive_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        # As long as the server would let it go on.
        monkeypatch.setattr(reflector_module, "WATCH_SECONDS", (36_000, 36_001))
        review, _ = reviewed(Rights(), Rights(Kind.NODE), Rights())
        told: list[Any] = []
        house = House(KINDS, review=review, on_access=told.append)
        furnish(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            await asyncio.sleep(REVIEW_EVERY * 1.1)
            assert len(told) == 1
            house.server.denied.add(Kind.NODE)
            await asyncio.sleep(60)
            assert not house.cluster.denied, (
                "the open watch goes on, as on the real server"
            )
            await until(lambda: bool(house.cluster.denied), REVIEW_EVERY * 1.2)
            house.server.denied.clear()
            # The review says so sooner than the collection would ask again.
            await until(lambda: not house.cluster.denied, REVIEW_EVERY * 1.2)
            assert states(house) == [UP]

    run(story())


def test_a_review_that_fails_changes_nothing() -> None:
    async def story() -> None:
        review, said = reviewed(Unreachable("cut"), Unauthorized("no"), Rights())
        house = House(KINDS, review=review)
        furnish(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            await asyncio.sleep(REVIEW_EVERY * 3.5)
            assert len(said) == 3
            assert states(house) == [UP]

    run(story())


def test_an_account_that_is_gone_is_noticed_by_the_review_although_its_watches_go_on() -> (
    None
):
    async def story() -> None:
        review, _ = reviewed(Unauthorized("no"))
        house = House(KINDS, review=review)
        furnish(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            house.server.unauthorized = True
            await until(lambda: house.cluster.link is UNAUTHORIZED, REVIEW_EVERY * 1.2)
            house.server.unauthorized = False
            await until(lambda: house.up, 35)
            assert states(house) == [UP, DOWN, UNAUTHORIZED, UP]

    run(story())


def test_credentials_that_are_refused_at_first_are_told_at_once() -> None:
    async def story() -> None:
        house = House(KINDS)
        house.server.unauthorized = True
        async with inhabited(house):
            assert not await house.cluster.wait_synced(30)
            assert house.loop.time() < 1_005
            assert states(house) == [UNAUTHORIZED]
            assert isinstance(house.cluster.error, Unauthorized)
            await asyncio.sleep(60)
            count = len(house.server.requests)
            await asyncio.sleep(600)
            assert len(house.server.requests) - count <= 30
            # New credentials work without anybody's help, a second and a third time too.
            for _ in range(3):
                house.server.unauthorized = False
                await until(lambda: house.up, 35)
                await asyncio.sleep(5)
                house.server.unauthorized = True
                house.server.disconnect()
                await until(lambda: house.cluster.link is UNAUTHORIZED, 30)

    run(story())


def test_credentials_that_worked_are_refused_for_a_moment_without_harm() -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            await asyncio.sleep(10)
            house.server.unauthorized = True
            house.server.disconnect()
            await asyncio.sleep(10)
            house.server.unauthorized = False
            await until(lambda: house.up, 6)
            assert states(house) == [UP, DOWN, UP]

    run(story())


def test_collections_refused_as_unauthorized_count_although_readyz_is_open_to_all() -> (
    None
):
    async def story() -> None:
        house = House(KINDS)
        unauthorized = refusal(status_of(401, "Unauthorized", "Unauthorized"))
        house.server.faults += [Refuse(unauthorized) for _ in range(100)]
        async with inhabited(house):
            assert not await house.cluster.wait_synced(10)
            assert states(house)[-1] is UNAUTHORIZED
            house.server.faults.clear()
            await until(lambda: house.up, 35)

    run(story())


def test_a_cluster_that_lets_nobody_ask_whether_it_is_ready_is_followed_all_the_same() -> (
    None
):
    async def story() -> None:
        house = House(KINDS)
        furnish(house)

        class Closed(Refuse):
            def fits(self, request: Any) -> bool:
                return bool(request.path == READYZ)

        house.server.faults += [Closed(refusal(FORBIDDEN)) for _ in range(1000)]
        async with inhabited(house):
            assert await house.cluster.wait_synced(5)
            await asyncio.sleep(10)
            ending = asyncio.create_task(house.server.restart(40))
            await until(lambda: house.cluster.link is DOWN, 5)
            await ending
            # The refusal has to last before it is taken for the answer of a ready server.
            await until(lambda: house.up, 30)
            assert house.same()

    run(story())


def test_absence_is_confirmed_only_by_a_server_that_knows() -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        here = Ref(Kind.DEPLOYMENT, "attic", "fridge")
        gone = Ref(Kind.DEPLOYMENT, "attic", "jazz")
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            confirm = house.cluster.confirm_absent
            assert await confirm(gone)
            assert not await confirm(here)
            for condition in (house.server.missing, house.server.denied):
                condition.add(Kind.DEPLOYMENT)
                assert not await confirm(gone)
                assert not await confirm(here)
                condition.clear()
            house.server.refusing = True
            assert not await confirm(gone)
            house.server.refusing = False

            class NoGet(Refuse):
                def fits(self, request: Any) -> bool:
                    return "/attic/deployments/" in request.path

            house.server.faults += [NoGet(refusal(FORBIDDEN)) for _ in range(2)]
            assert await confirm(gone), "an account may list but not get"
            assert not await confirm(here)

    run(story())


def test_nothing_is_left_after_the_end_whenever_it_comes() -> None:
    async def story(after: float, condition: Callable[[House], None]) -> None:
        house = House(KINDS)
        furnish(house)
        condition(house)
        async with inhabited(house):
            await asyncio.sleep(after)
        count = len(house.server.requests)
        turns = house.turns
        house.server.refusing = house.server.silent = False
        await asyncio.sleep(1000)
        assert len(house.server.requests) == count
        assert house.turns == turns

    def refuse(house: House) -> None:
        house.server.refusing = True

    def silence(house: House) -> None:
        house.server.silent = True

    for after in (0, 0.5, 2, 50):
        for condition in (lambda house: None, refuse, silence):
            run(story(after, condition))


def test_a_fault_of_our_own_is_said_and_does_not_leave_a_collection_standing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            await asyncio.sleep(5)
            reflector = next(r for r in house.cluster._reflectors if r.kind is Kind.POD)

            def fail(*_: object) -> None:
                raise ZeroDivisionError

            with monkeypatch.context() as patch:
                patch.setattr(reflector, "_apply", fail)
                house.server.put(Kind.POD, "attic", "d")
                await until(lambda: house.cluster.link is DOWN, 5)
                assert reflector.phase is Phase.BACKOFF
            await until(lambda: house.up, 40)
            assert house.same()

    run(story())
    assert sum("Unexpected error" in line for line in lines(caplog)) == 1


def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The client's own errors tell no secret (test_client); here: nothing else is told of requests."""

    async def story() -> None:
        house = House(KINDS)
        furnish(house)
        house.server.faults += [
            Raise(Unreachable("refused", reason="refused")),
            Refuse(Answer(500, SECRET.encode())),
        ]
        async with inhabited(house):
            await asyncio.sleep(60)
            await house.server.restart(30)
            await asyncio.sleep(30)

    caplog.set_level(logging.DEBUG)
    run(story())
    assert caplog.records
    assert not any(SECRET in line for line in _all(caplog.records))


def _all(records: Iterable[logging.LogRecord]) -> list[str]:
    return [record.getMessage() for record in records]
