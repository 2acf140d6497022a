"""The page in a real Chromium."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect
from tests.plugins.web.kserve.running import Running, running
from tests.plugins.web.page.conftest import ROOT, OpenPage

import turnout
from turnout.metrics import Metrics

PICTURE = ROOT / "examples/pictures/parade.jpg"
TOKEN = "the-token-of-this-test"
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def _take_sample(page: Page, name: str = "Market") -> None:
    page.get_by_label(f"Sample: {name}").click()
    expect(page.locator(".picture .hint").first).to_contain_text("pixels")


def _run(page: Page) -> Locator:
    page.locator("button.primary[type=submit]").click()
    expect(page.locator(".results[data-ready=yes]")).to_be_visible()
    return page.locator(".results")


def _pixels(canvas: Locator, where: str) -> int:
    """Return how many pixels of a canvas fulfil a condition on ``r``, ``g``, ``b`` and ``a``."""
    count: int = canvas.evaluate(
        """(canvas, where) => {
          const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          let count = 0;
          for (let at = 0; at < data.length; at += 4) {
            const [r, g, b, a] = data.slice(at, at + 4);
            if ({any: a > 0, edge: a === 255, left: r > 180 && g < 40 && a, right: r < 40 && b > 180 && a}[where]) count += 1;
          }
          return count;
        }""",
        where,
    )
    return count


def test_a_sample_is_masked_captioned_and_timed(open_page: OpenPage) -> None:
    page = open_page()
    _take_sample(page)

    results = _run(page)

    expect(results.locator("table.regions tbody tr")).to_have_count(5)
    expect(results.locator("table.regions tbody tr").first).to_contain_text("a red circle")
    expect(results.locator(".label").first).to_contain_text("a red circle")
    expect(results.locator(".chip")).to_have_text(
        ["birefnet on onnxruntime, version 1", "blip_caption on onnxruntime, version 1", "blip_vqa on onnxruntime, version 1"]
    )
    expect(results.locator("table.waterfall tbody tr")).to_have_count(10)
    expect(results.locator("table.waterfall")).to_contain_text("birefnet on onnxruntime, version 1, 5 requests")
    masked = _pixels(results.locator("canvas.masks"), "any")
    assert 20_000 < masked < 30_000, "the five objects have 24,429 pixels"


def test_the_masks_lie_where_the_objects_are(open_page: OpenPage) -> None:
    page = open_page()
    _take_sample(page)
    results = _run(page)

    inside, outside = results.locator("canvas.masks").evaluate(
        """(canvas) => [[280, 62], [20, 20]].map(([x, y]) =>
          canvas.getContext("2d").getImageData(x * canvas.width / 480, y * canvas.height / 360, 1, 1).data[3])"""
    )

    assert inside > 0
    assert outside == 0


def test_a_file_a_drop_and_a_paste_each_give_the_picture(open_page: OpenPage) -> None:
    page = open_page()
    content = base64.b64encode(PICTURE.read_bytes()).decode()

    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Choose a file").click()
    chosen.value.set_files(PICTURE)
    expect(page.locator(".picture .hint").first).to_contain_text("parade.jpg, 512")

    for event, name in (("drop", "dropped.jpg"), ("paste", "pasted.jpg")):
        page.evaluate(
            """([event, name, content]) => {
              const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
              const data = new DataTransfer();
              data.items.add(new File([bytes], name, { type: "image/jpeg" }));
              const target = event === "drop" ? document.querySelector(".drop") : document;
              target.dispatchEvent(event === "drop"
                ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
                : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
            }""",
            [event, name, content],
        )
        expect(page.locator(".picture .hint").first).to_contain_text(f"{name}, 512")
        expect(page.locator(".frame img").first).to_be_visible()
    expect(_run(page).locator("table.regions tbody tr")).to_have_count(1)


def test_a_phone_offers_its_camera(open_page: OpenPage) -> None:
    page = open_page(width=390)

    expect(page.get_by_role("button", name="Take a photo")).to_be_visible()
    assert page.locator("input[capture=environment]").get_attribute("accept") == "image/*"


def test_a_box_is_drawn_with_the_mouse_and_sent(open_page: OpenPage) -> None:
    page = open_page()
    _take_sample(page, "Dusk")
    page.get_by_role("button", name="Remove all").click()
    frame = page.locator(".box-layer").bounding_box()
    assert frame is not None
    scale = frame["width"] / 400

    page.mouse.move(frame["x"] + 155 * scale, frame["y"] + 124 * scale)
    page.mouse.down()
    page.mouse.move(frame["x"] + 200 * scale, frame["y"] + 200 * scale)
    page.mouse.move(frame["x"] + 254 * scale, frame["y"] + 227 * scale)
    page.mouse.up()

    label = page.locator(".box").get_attribute("aria-label") or ""
    found = [int(number) for number in re.findall(r"\d+", label)]
    assert found[0] == 1
    assert all(abs(a - b) <= 2 for a, b in zip(found[1:], (155, 124, 254, 227), strict=True)), label
    with page.expect_request("**/v1/pipelines/describe") as sent:
        results = _run(page)
    expect(results.locator("table.regions tbody tr")).to_have_count(1)
    assert sent.value.method == "POST"


def test_a_box_is_moved_resized_and_a_click_beside_draws_none(open_page: OpenPage) -> None:
    page = open_page()
    _take_sample(page, "Dusk")
    frame = page.locator(".box-layer").bounding_box()
    assert frame is not None
    scale = frame["width"] / 400
    before = page.locator(".box").nth(0).get_attribute("aria-label")

    page.mouse.click(frame["x"] + 380 * scale, frame["y"] + 280 * scale)
    expect(page.locator(".box")).to_have_count(3)

    page.mouse.move(frame["x"] + 200 * scale, frame["y"] + 180 * scale)
    page.mouse.down()
    page.mouse.move(frame["x"] + 900, frame["y"] + 180 * scale)
    page.mouse.up()
    moved = page.locator(".box").nth(0).get_attribute("aria-label") or ""
    assert moved != before
    assert "right 400" in moved, "a box stays on the picture"
    assert "left 301" in moved, "and keeps its size"


def test_fields_of_a_box_take_numbers_and_refuse_a_wrong_one(open_page: OpenPage) -> None:
    page = open_page()
    _take_sample(page, "Dusk")
    right = page.get_by_label("Box 1, right")

    right.fill("300")
    right.press("Tab")
    expect(page.locator(".box").first).to_have_attribute("aria-label", "Box 1: left 155, top 124, right 300, bottom 227")
    right.fill("99999")
    right.press("Tab")
    expect(right).to_have_value("400")
    right.fill("")
    right.press("Tab")
    expect(right).to_have_value("400")


def test_a_question_changes_the_answers(open_page: OpenPage) -> None:
    page = open_page()
    _take_sample(page, "Dusk")
    page.get_by_label("question (optional)").fill("what shape is it?")

    results = _run(page)

    expect(results.locator("table.regions tbody tr").first).to_contain_text(re.compile("circle|square|star|triangle"))


def test_two_backends_side_by_side_have_their_differences_marked(open_page: OpenPage) -> None:
    page = open_page()
    _take_sample(page)
    page.get_by_label("Compare two backends").check()
    page.get_by_label("Right backend").select_option("rough")

    results = _run(page)

    expect(results.locator(".side h3")).to_have_text(["as it serves", "rough"])
    expect(results.locator(".differences h3")).to_have_text(re.compile(r"^[1-9]\d* of \d+ values differ$"))
    expect(results.locator(".side").nth(1).locator(".chip").first).to_contain_text("birefnet on rough")
    marked = results.locator(".differences canvas.masks")
    assert _pixels(marked, "left") + _pixels(marked, "right") > 20
    expect(results.locator("table.different")).to_contain_text("pixels differ")


def test_a_backend_beside_itself_has_no_difference(open_page: OpenPage) -> None:
    page = open_page()
    _take_sample(page)
    page.get_by_label("Compare two backends").check()
    page.get_by_label("Right backend").select_option("onnxruntime")

    results = _run(page)

    expect(results.locator(".differences h3")).to_have_text(re.compile(r"^All \d+ values are equal$"))
    expect(results.locator("table.different")).to_have_count(0)


def test_another_pipeline_keeps_the_picture_and_shows_its_values(open_page: OpenPage) -> None:
    page = open_page()
    _take_sample(page)

    page.locator("#pipeline").select_option("caption_only")
    expect(page.get_by_label("question (optional)")).to_have_count(0)

    results = _run(page)
    expect(results.locator("dl.values")).to_contain_text("caption")
    expect(results.locator("table.regions")).to_have_count(0)
    expect(results.locator(".frame")).to_be_in_viewport()


def test_without_a_picture_the_page_says_what_is_missing(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.get_by_label("question (optional)")).to_be_visible()

    page.get_by_role("button", name="Run", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("Choose a picture first")
    _take_sample(page)
    _run(page)


def test_a_file_that_is_no_picture_is_refused_by_the_page_or_by_the_server(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    field = page.locator("input[type=file]:not([capture])")
    (tmp_path / "notes.txt").write_text("no picture", "utf-8")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")

    field.set_input_files(tmp_path / "notes.txt")
    expect(page.locator(".picture .hint").first).to_have_text("notes.txt is text/plain, not a picture.")

    field.set_input_files(tmp_path / "broken.png")
    expect(page.locator(".picture .hint").first).to_contain_text("This browser cannot show broken.png")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("No answer")

    _take_sample(page)
    _run(page)


def test_texts_of_models_and_files_are_never_markup(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    (tmp_path / "x.png").write_bytes((ROOT / "examples/pictures/meadow.png").read_bytes())

    def answer(route: Any) -> None:
        body = route.fetch().json()
        body["values"]["captions"] = [HOSTILE] * len(body["values"]["regions"])
        body["parts"][0]["step"] = HOSTILE
        route.fulfill(json=body)

    page.route("**/v1/pipelines/describe", lambda route: answer(route) if route.request.method == "POST" else route.continue_())
    _take_sample(page, "Meadow")
    results = _run(page)

    expect(results.locator("table.regions tbody tr").first).to_contain_text(HOSTILE)
    expect(results.locator("table.waterfall tbody tr").first).to_contain_text(HOSTILE)
    assert results.locator("script, img[src=x]").count() == 0


def test_the_policy_stops_a_planted_script(open_page: OpenPage) -> None:
    page = open_page(faults=False)

    planted = page.evaluate(
        """async () => {
          const found = [];
          addEventListener("securitypolicyviolation", (event) => found.push(event.effectiveDirective));
          try { document.body.innerHTML += "<b>x</b>"; } catch (error) { found.push(error.name); }
          const image = document.body.appendChild(new Image());
          image.src = "http://127.0.0.1:9/x.png";
          for (let tries = 0; tries < 100 && !found.includes("img-src"); tries += 1) {
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
          return found;
        }"""
    )

    assert "TypeError" in planted, "a text became markup"
    assert "img-src" in planted, "another address was asked"


def test_a_token_is_asked_for_kept_in_the_tab_and_asked_again_if_it_is_wrong(
    open_page: OpenPage, server_with_token: Running
) -> None:
    page = open_page(address=server_with_token.address)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Token").fill("another")
    dialog.get_by_role("button", name="Use this token").click()
    expect(dialog).to_contain_text("refuses this token")

    dialog.get_by_label("Token").fill(TOKEN)
    dialog.get_by_label("Token").press("Enter")
    expect(dialog).to_be_hidden()
    _take_sample(page)
    _run(page)
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 1, ""]
    assert TOKEN not in page.url

    page.reload()
    expect(page.get_by_label("question (optional)")).to_be_visible()
    expect(dialog).to_be_hidden()


def test_a_server_with_a_token_has_no_links_that_it_would_refuse(
    open_page: OpenPage, server: Running, server_with_token: Running
) -> None:
    closed, opened = open_page(address=server_with_token.address), open_page(address=server.address)

    expect(closed.get_by_role("dialog")).to_be_visible()
    expect(closed.locator("footer a:visible")).to_have_count(0)
    closed.get_by_role("textbox", name="Token").fill(TOKEN)
    closed.get_by_role("button", name="Use this token").click()
    expect(closed.locator("#pipeline")).to_have_value("describe")
    closed.reload()
    expect(closed.locator("#pipeline")).to_have_value("describe")
    expect(closed.locator("footer a:visible")).to_have_count(0)
    expect(opened.locator("#pipeline")).to_have_value("describe")
    expect(opened.locator("footer a:visible")).to_have_text(["OpenAPI", "Metrics"])


def test_without_pipelines_the_page_says_what_to_do_and_offers_no_form(open_page: OpenPage) -> None:
    arms = {"onnxruntime": {"path": str(ROOT / "model_repository/birefnet")}}
    settings = {"models": {"birefnet": {"backend": "onnxruntime", "backends": arms}}}
    with turnout.open(settings, metrics=Metrics(), listen=False) as app, running(app) as server:
        page = open_page(address=server.address)

        expect(page.locator("#view-try .state")).to_contain_text("Write one under pipelines: and start the server again")
        expect(page.get_by_label("What to run")).to_be_hidden()
        expect(page.locator("#compares")).to_be_hidden()
        page.get_by_role("link", name="Models").click()
        expect(page.locator("#view-models")).to_contain_text("birefnet")


def test_a_backend_that_is_not_installed_cannot_be_chosen_and_has_its_remedy(
    open_page: OpenPage, missing_server: Running
) -> None:
    page = open_page(address=missing_server.address)

    page.get_by_label("Compare two backends").check()

    right = page.get_by_label("Right backend")
    expect(right.locator("option")).to_have_text(["as it serves", "onnxruntime", "direct (not installed)"])
    expect(right.locator("option").nth(2)).to_be_disabled()
    expect(right).to_have_value("onnxruntime")
    expect(page.locator(".comparing .hint")).to_contain_text("It comes with turnout-direct")


def test_a_token_that_is_not_given_leaves_one_clear_line(open_page: OpenPage, server_with_token: Running) -> None:
    page = open_page(address=server_with_token.address)

    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()

    expect(page.get_by_role("alert")).to_contain_text("asks for a token")


def test_the_board_shows_each_model_and_copies_its_next_command(open_page: OpenPage) -> None:
    page = open_page("#models", permissions=["clipboard-read", "clipboard-write"])
    expect(page.locator(".card")).to_have_count(3)
    card = page.get_by_role("article", name="birefnet")
    expect(card.locator(".stages li.done")).not_to_have_count(0)
    expect(card.locator(".arms")).to_contain_text("p95")
    expect(card.locator(".arms")).to_contain_text("circuit")

    command = card.locator(".command code").inner_text()
    card.get_by_role("button", name="Copy").click()

    expect(card.locator(".command button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == command
    card.get_by_text("Evidence").click()
    expect(card.locator("details dl")).to_contain_text("serves")


def test_an_evidence_that_is_open_stays_open_when_the_board_is_read_again(open_page: OpenPage) -> None:
    page = open_page("#models")
    card = page.get_by_role("article", name="birefnet")
    card.get_by_text("Evidence").click()

    with page.expect_response("**/v1/board"):
        page.get_by_role("button", name="Refresh").click()

    expect(card.locator("details dl")).to_be_visible()


def test_a_run_can_be_cancelled_and_the_next_one_answers(open_page: OpenPage) -> None:
    page = open_page()
    _take_sample(page)
    held: list[Any] = []
    page.route(
        "**/v1/pipelines/describe", lambda route: held.append(route) if route.request.method == "POST" else route.continue_()
    )
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_visible()

    page.get_by_role("button", name="Cancel", exact=True).click()

    expect(page.get_by_text("Cancelled.").first).to_be_visible()
    page.unroute("**/v1/pipelines/describe")
    _run(page)


def test_a_server_that_is_gone_is_named_in_one_line(open_page: OpenPage) -> None:
    page = open_page()
    _take_sample(page)
    page.route("**/v1/pipelines/describe", lambda route: route.abort("connectionrefused"))

    page.get_by_role("button", name="Run", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")


def test_the_whole_story_works_with_the_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.get_by_label("question (optional)")).to_be_visible()

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if name in (
                page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent") or ""
            ):
                return
        pytest.fail(f"no Tab leads to {name!r}")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tab_to("Sample: Dusk")
    page.keyboard.press("Enter")
    expect(page.locator(".box")).to_have_count(3)
    tab_to("Remove all")
    page.keyboard.press("Enter")
    expect(page.locator(".box")).to_have_count(0)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".box")).to_be_focused()
    expect(page.locator(".box")).to_have_attribute("aria-label", "Box 1: left 120, top 90, right 240, bottom 180")
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator(".box")).to_have_attribute("aria-label", "Box 1: left 124, top 94, right 248, bottom 188")
    tab_to("Add a box")
    page.keyboard.press("Enter")
    page.keyboard.press("Delete")
    expect(page.locator(".box")).to_have_count(1)
    tab_to("Run")
    page.keyboard.press("Enter")
    expect(page.locator(".results[data-ready=yes] table.regions tbody tr")).to_have_count(1)
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.dataset.view") == "models":
            break
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(3)
    expect(page.locator("#main")).to_be_focused()


@pytest.mark.parametrize("view", ["#try", "#models"])
@pytest.mark.parametrize("width", [320, 390, 1440])
def test_no_width_needs_a_horizontal_scroll(open_page: OpenPage, view: str, width: int) -> None:
    page = open_page(view, width=width)
    if view == "#try":
        _take_sample(page)
        page.get_by_label("Compare two backends").check()
        _run(page)
    else:
        expect(page.locator(".card")).to_have_count(3)

    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_box_is_drawn_with_a_finger_once_drawing_is_on(open_page: OpenPage) -> None:
    page = open_page(width=390)
    _take_sample(page, "Dusk")
    page.get_by_role("button", name="Remove all").tap()
    page.locator(".box-layer").scroll_into_view_if_needed()
    frame = page.locator(".box-layer").bounding_box()
    assert frame is not None
    devtools = page.context.new_cdp_session(page)

    def drag() -> None:
        start, end = frame["x"] + 40, frame["x"] + 140
        for kind, places in (("touchStart", [start]), ("touchMove", [start + 50]), ("touchMove", [end]), ("touchEnd", [])):
            points = [{"x": place, "y": frame["y"] + 40 + place - start} for place in places]
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    drag()
    expect(page.locator(".box")).to_have_count(0)
    page.get_by_role("button", name="Draw", exact=True).tap()
    page.locator(".box-layer").scroll_into_view_if_needed()
    frame = page.locator(".box-layer").bounding_box() or frame
    drag()
    expect(page.locator(".box")).to_have_count(1)


def test_the_board_shows_an_open_circuit_and_the_fallback_that_answers(open_page: OpenPage, tmp_path: Path) -> None:
    (tmp_path / "turnout.yaml").write_text(
        "models:\n  m:\n    backend: triton\n    fallback: onnxruntime\n"
        "    circuit_breaker: {consecutive_failures: 1, open_seconds: 60, longest_open_seconds: 60}\n"
        f"    backends: {{triton: {{url: 'localhost:9'}}, onnxruntime: {{path: {ROOT}/model_repository/birefnet}}}}\n",
        "utf-8",
    )
    with turnout.open(tmp_path / "turnout.yaml", metrics=Metrics()) as app, running(app) as server:
        app.model("m").infer({"pixel_values": np.zeros((1, 3, 128, 128), np.float32)})
        page = open_page("#models", address=server.address)

        card = page.get_by_role("article", name="m")
        expect(card.locator("header")).to_contain_text("fallback onnxruntime answers")
        expect(card.locator(".arms li").first).to_contain_text("circuit open")
        expect(card.locator(".arms li").first).to_contain_text("localhost:9")
