from __future__ import annotations

from turnout.errors import BackendUnavailableError
from turnout_vision.commands.tally import Tally
from turnout_vision.runs.picture_run import PictureOutcome


def failed(image: str, *errors: str) -> PictureOutcome:
    return PictureOutcome({"image": image, "ok": False, "failures": [{"error": error} for error in errors]})


def test_the_same_error_is_printed_once_and_counted() -> None:
    tally = Tally()

    for name in ("a.heic", "b.heic", "c.heic"):
        tally.add(failed(name, f"picture {name!r} is a HEIC picture; install it"))
    tally.add(failed("d.png", "picture 'd.png' is broken"))

    repeated, single, counts = str(tally).splitlines()
    assert repeated == "3 pictures: picture is a HEIC picture; install it (a.heic, b.heic, c.heic)"
    assert single == "d.png: picture 'd.png' is broken"
    assert counts.startswith("0 answered, 4 failed in")


def test_an_error_of_many_regions_counts_its_picture_once() -> None:
    tally = Tally()

    tally.add(failed("a.png", "no server", "no server"))

    assert tally.problems == {"no server": {"a.png": "no server"}}


def test_the_error_of_a_run_does_not_repeat_those_of_its_requests() -> None:
    tally = Tally()
    steps = ("'caption' failed: no server", "'mask' failed: refused")

    for name, texts in (("a.png", steps), ("b.png", steps[::-1])):
        outcome = failed(name, "no server", "refused")
        tally.add(PictureOutcome({**outcome.record, "error": "; ".join(texts)}))
    tally.add(PictureOutcome({**failed("c.png", "no server").record, "error": "the disk is full"}))

    assert list(tally.problems) == ["no server", "refused", "the disk is full"]


def test_many_pictures_are_named_up_to_a_limit() -> None:
    tally = Tally()
    for number in range(30):
        tally.add(failed(f"{number}.png", "no server"))

    assert "30 pictures: no server (0.png, 1.png" in str(tally)
    assert "19.png and 10 more)" in str(tally)


def test_the_exit_code_says_what_failed() -> None:
    unavailable = PictureOutcome({"image": "a", "ok": False, "failures": []}, BackendUnavailableError("no server"))
    tally = Tally()

    codes = [tally.exit_code, Tally(unreadable=True).exit_code]
    tally.add(failed("a.png", "x"))
    codes.append(tally.exit_code)
    tally.add(unavailable)

    assert [*codes, tally.exit_code] == [0, 1, 1, 3]


def test_many_errors_are_shown_up_to_a_limit_and_counted() -> None:
    tally = Tally()
    for number in range(1000):
        tally.add(failed("a.png", f"region {number} is bad"))

    lines = str(tally).splitlines()

    assert lines[19] == "a.png: region 19 is bad"
    assert lines[20] == "and 980 more errors, which the results contain"
    assert lines[21].startswith("0 answered, 1000 failed")
    assert len(lines) == 22
