"""How a job says how far it is, and how it is stopped."""

import threading
import time

import pytest

from storysound.progress import Cancelled, Progress, Stop, Watch, check, interruptible


def test_steps_share_the_time_they_are_said_to_take() -> None:
    seen: list[Progress] = []
    watch = Watch(seen.append)
    watch.plan({"look": 3, "mix": 1})
    watch.step("look")
    watch.at(1, 2, "a.mp4")
    watch.step("mix")
    watch.at(4, 4)
    assert [(now.step, now.share) for now in seen] == [("look", 0), ("look", 0.375), ("mix", 0.75), ("mix", 1.0)]
    assert (seen[1].done, seen[1].of, seen[1].what) == (1, 2, "a.mp4")


def test_a_job_of_one_step_needs_no_plan() -> None:
    seen: list[Progress] = []
    watch = Watch(seen.append)
    watch.step("index")
    watch.at(3, 4)
    watch.say("a line")
    assert [now.share for now in seen] == [0, 0.75, 0.75]
    assert seen[-1].line == "a line"


def test_the_share_never_falls() -> None:
    seen: list[Progress] = []
    watch = Watch(seen.append)
    for done, of in ((5, 10), (5, 100), (50, 100), (60, 100)):
        watch.at(done, of)
    assert [now.share for now in seen] == [0.5, 0.5, 0.5, 0.6]


def test_time_left_is_foretold_once_there_is_something_to_go_by() -> None:
    seen: list[Progress] = []
    watch = Watch(seen.append)
    watch.at(1, 1000)
    watch.at(500, 1000)
    assert seen[0].left_s is None
    assert seen[1].left_s is not None
    assert seen[1].left_s >= 0


def test_a_stop_ends_the_job_wherever_it_reports_or_checks() -> None:
    stop = Stop()
    watch = Watch(stop=stop)
    with watch:
        watch.step("look")
        check()
        stop.set()
        for report in (lambda: watch.at(1, 2), lambda: watch.step("mix"), lambda: watch.say("x"), watch.check, check):
            with pytest.raises(Cancelled):
                report()
    check()  # outside the job nothing is cancelled


def test_a_stop_reaches_the_jobs_of_its_own_thread_alone() -> None:
    stop, ended = Stop(), []

    def other() -> None:
        with Watch():
            check()
            ended.append("well")

    with Watch(stop=stop):
        stop.set()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        with Watch():  # a job within a job that has its own watch
            check()
        with pytest.raises(Cancelled):
            check()
    assert ended == ["well"]


def test_a_call_that_takes_long_is_left_to_itself() -> None:
    stop, began = Stop(), time.monotonic()
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(Cancelled), Watch(stop=stop):
        interruptible(lambda: time.sleep(5))
    assert time.monotonic() - began < 2
    with Watch(stop=Stop()):
        assert interruptible(lambda: 7) == 7
        with pytest.raises(KeyError):
            interruptible(lambda: {}[1])
