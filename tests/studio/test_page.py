"""The page in Chromium: LUTs and pictures against ours, mouse, keys, fingers and what goes wrong."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("playwright")
pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from sshbench.lut.apply import apply_lut
from sshbench.lut.table import Lut, identity_table
from tools.studio_pictures import begin, drag, served, set_slider, settled
from tools.study_pages import browser, installed_browser, open_page

pytestmark = pytest.mark.skipif(
    installed_browser() is None,
    reason="no Chromium or Chrome is installed, which this test opens the page in",
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    with served(tmp_path_factory.mktemp("studio")) as (address, _), browser() as one:
        yield address, one


def lut(size: int = 17) -> Lut:
    rng = np.random.default_rng(5)
    return Lut(
        values=np.clip(identity_table(size) + rng.normal(0, 0.1, (size, size, size, 3)), -0.1, 1.1).astype(np.float32)
    )


def place(page: Any) -> dict[str, Any]:
    return dict(page.evaluate("window.studio.app.place"))


def canvas_of(page: Any) -> Any:
    """What the canvas of the page shows, `[H, W, 3]`."""
    data = page.evaluate("document.getElementById('canvas').toDataURL('image/png')")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))).convert("RGB"))


@pytest.mark.parametrize("renderer", ["webgl2", "javascript"])
def test_the_browser_applies_a_lut_as_sshbench_does(opened: tuple[str, Any], renderer: str) -> None:
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address, None)
    table, pixels = lut(), np.random.default_rng(6).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    pixels[0, :9] = [[r, g, b] for r in (0, 255) for g in (0, 255) for b in (0, 255)] + [[1, 254, 128]]
    given = {
        "values": base64.b64encode(np.ascontiguousarray(table.values).tobytes()).decode(),
        "pixels": base64.b64encode(np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]).tobytes()).decode(),
        "width": 128, "height": 96, "points": 17, "plain": renderer == "javascript",
    }  # fmt: skip
    found = page.evaluate(
        """async (given) => {
            const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const values = new Float32Array(bytes(given.values).buffer), pixels = bytes(given.pixels);
            if (given.plain) {
                const { mapPixels } = await import("../../static/cpu.js"), out = new Uint8Array(pixels.length);
                mapPixels(values, given.points, pixels, out);
                return btoa(String.fromCharCode(...out));
            }
            const { GlRenderer } = await import("../../static/gl.js");
            const canvas = new OffscreenCanvas(given.width, given.height), gl = new GlRenderer(canvas);
            const size = { width: given.width, height: given.height };
            gl.setPixels("foreground", pixels.filter((_, i) => i % 4 < 3), given.width, given.height);
            gl.setMask(new Uint8Array(given.width * given.height).fill(255), given.width, given.height);
            gl.setLut("one", values, given.points);
            const plane = { background: size, foreground: size, toForeground: [1, 0, 0, 1, 0, 0], surround: [0, 0, 0] };
            gl.draw({ mode: 0, ...plane },
                [{ left: 0, top: 0, ...size, x: 0, y: 0, zoom: 1, split: -1, lut: "one", proven: false }]);
            const read = gl.read(), out = new Uint8Array(read.length), row = 4 * given.width;
            for (let y = 0, last = given.height - 1; y <= last; y++) {
                out.set(read.subarray(y * row, (y + 1) * row), (last - y) * row);
            }
            return btoa(String.fromCharCode(...out));
        }""",
        given,
    )
    here = np.frombuffer(base64.b64decode(found), np.uint8).reshape(96, 128, 4)[..., :3]
    assert np.abs(here.astype(int) - apply_lut(pixels, table)).max() <= 1
    assert errors == []


def test_webgl_that_a_processor_computes_is_not_chosen(opened: tuple[str, Any]) -> None:
    """JavaScript is several times as fast there."""
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address, None)
    name = page.evaluate(
        """() => {
            const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
            const about = gl?.getExtension("WEBGL_debug_renderer_info");
            return about ? gl.getParameter(about.UNMASKED_RENDERER_WEBGL) : "none";
        }"""
    )
    if "SwiftShader" not in name and "llvmpipe" not in name:
        pytest.skip(f"this browser draws with {name}, which is a graphics processor, or unknown")
    assert page.evaluate("document.body.dataset.renderer") == "javascript"
    assert errors == []


@pytest.mark.parametrize("how", ["#webgl", "#cpu"])
def test_the_page_shows_what_is_saved_within_one_code(opened: tuple[str, Any], tmp_path: Path, how: str) -> None:
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address)
    page.goto(page.url + how)
    page.reload()
    page.wait_for_selector("body[data-started]")
    assert page.evaluate("document.body.dataset.renderer") == {"#webgl": "webgl2", "#cpu": "javascript"}[how]
    page.evaluate("studio.app.showHandles = false")
    page.locator("#scale").fill("1")
    for name, value in (("x", "60"), ("y", "-40")):
        page.locator(f"[data-place={name}]").fill(value)
    set_slider(page, "exposure", 0.5)
    page.get_by_role("button", name="1:1", exact=True).click()
    settled(page)
    shown = canvas_of(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Picture", exact=True).click()
    download.value.save_as(tmp_path / "picture.png")
    saved = np.asarray(Image.open(tmp_path / "picture.png")).astype(int)
    pane = page.evaluate("(({x, y}) => ({x, y}))(studio.stage.drawn[0])")
    part = shown[pane["y"] : pane["y"] + saved.shape[0], pane["x"] : pane["x"] + saved.shape[1]]
    assert part.shape == saved.shape
    assert np.abs(part.astype(int) - saved).max() <= 1
    assert errors == []


def test_mouse_and_keys_move_scale_and_turn_the_object(opened: tuple[str, Any]) -> None:
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address)
    before = place(page)
    drag(page, (0.4, 0.6), (0.5, 0.55))
    moved = place(page)
    assert moved["x"] > before["x"]
    assert moved["y"] < before["y"]
    page.locator("#view").focus()
    for key in ("ArrowRight", "Shift+ArrowDown", "]", ".", "m"):
        page.keyboard.press(key)
    settled(page)
    now = place(page)
    assert now["scale"] > moved["scale"]
    assert now["rotate"] == 1
    assert now["flip"] == "horizontal"
    assert "--flip horizontal" in page.locator("#command").input_value()
    assert f"turned by {now['rotate']}" in page.locator("#where").inner_text()
    corner = page.evaluate("studio.stage.onScreen(studio.stage.drawn[0], studio.stage.corners()[2])")
    box = page.locator("#view").bounding_box()
    page.mouse.move(box["x"] + corner[0], box["y"] + corner[1])
    page.mouse.down()
    page.mouse.move(box["x"] + corner[0] + 60, box["y"] + corner[1] + 60, steps=4)
    page.mouse.up()
    settled(page)
    assert place(page)["scale"] > now["scale"] * 1.05
    page.reload()  # the session goes on
    page.wait_for_selector("body[data-started]")
    settled(page)
    assert place(page)["flip"] == "horizontal"
    assert errors == []


def test_a_slider_and_a_new_place_change_the_picture(opened: tuple[str, Any]) -> None:
    """How fast: tests/speed/test_studio.py."""
    address, one = opened
    page, _ = open_page(one, "desktop")
    begin(page, address)
    page.evaluate("studio.app.showHandles = false")
    before = canvas_of(page)
    set_slider(page, "exposure", 1)
    graded = canvas_of(page)
    assert graded.mean() > before.mean() + 1
    page.locator("#view").focus()
    page.keyboard.press("ArrowLeft")
    settled(page)
    assert (canvas_of(page) != graded).any()


def test_the_mask_is_painted_undone_and_sent(opened: tuple[str, Any]) -> None:
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address)
    count = "studio.app.mask.bytes.reduce((sum, value) => sum + (value > 127), 0)"
    page.locator("#view").focus()
    page.keyboard.press("p")
    before = page.evaluate(count)
    page.get_by_role("radio", name="Erase").check()
    drag(page, (0.5, 0.3), (0.5, 0.7))
    erased = page.evaluate(count)
    assert erased < before - 1000
    soft = page.evaluate("studio.app.mask.bytes.some((value) => value > 40 && value < 215)")
    assert soft
    answer = page.request.get(page.url + "mask").body()
    assert sum(value > 127 for value in answer) == erased
    page.keyboard.press("Control+z")
    settled(page)
    assert page.evaluate(count) == before
    page.get_by_role("button", name="None").click()
    settled(page)
    assert "mask is empty" in page.locator("#mask-note").inner_text()
    assert page.get_by_role("button", name="Picture", exact=True).is_disabled()
    page.locator("#view").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("radio", name="Paint", exact=True).check()
    page.locator("#view").focus()
    page.keyboard.press("Space")  # a dab without a mouse
    settled(page)
    assert page.evaluate(count) > 500
    assert errors == []


def test_a_painted_cutout_turns_on_the_page_as_in_the_saved_picture(opened: tuple[str, Any], tmp_path: Path) -> None:
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address, None)
    down, across = np.mgrid[:200, :300]
    alpha = np.clip(40 * (1.1 - np.hypot((down - 110) / 70, (across - 140) / 110)), 0, 1) * 255
    cutout = np.dstack([np.full((200, 300, 3), (230, 40, 40)), alpha]).astype(np.uint8)
    Image.fromarray(cutout).save(tmp_path / "cut.png")
    Image.new("RGB", (600, 400), (40, 40, 40)).save(tmp_path / "back.png")
    for role, name in (("foreground", "cut.png"), ("background", "back.png")):
        page.locator(f"#welcome [data-upload={role}], #panel [data-upload={role}]").last.set_input_files(
            tmp_path / name
        )
        page.wait_for_function(f"() => window.studio.app.{role}")
        settled(page)
    page.locator("#view").focus()
    page.keyboard.press("p")
    page.get_by_role("radio", name="Erase").check()
    page.locator("#brush-softness").fill("80")
    page.locator("#brush-size").fill("120")
    drag(page, (0.2, 0.3), (0.45, 0.3))
    page.get_by_role("button", name="Done").click()
    page.evaluate("studio.app.showHandles = false")
    for name, value in (("strength", 0), ("lightness", 0), ("colour", 0)):
        set_slider(page, name, value)
    page.locator("#rotate").fill("140")
    page.get_by_role("button", name="1:1", exact=True).click()
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Picture", exact=True).click()
    download.value.save_as(tmp_path / "picture.png")
    saved = np.asarray(Image.open(tmp_path / "picture.png").convert("RGB")).astype(float)
    pane = page.evaluate("(({x, y}) => ({x, y}))(studio.stage.drawn[0])")
    shown = canvas_of(page)[pane["y"] : pane["y"] + 400, pane["x"] : pane["x"] + 600].astype(float)
    assert shown.shape == saved.shape

    def middle(picture: np.ndarray) -> np.ndarray:
        weight = picture[..., 0] - 40
        return np.array([(weight * place).sum() / weight.sum() for place in np.mgrid[:400, :600]])

    assert np.abs(middle(shown) - middle(saved)).max() < 0.3
    assert np.abs(shown - saved)[..., 0].mean() < 0.1  # edges without steps: the nearest pixel of a mask makes 0.15
    assert errors == []


def test_numbers_out_of_range_say_the_limit_and_the_value_that_holds_returns(opened: tuple[str, Any]) -> None:
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address)
    page.get_by_text("Reference", exact=True).click()
    page.get_by_role("radio", name="A box, drawn on the picture").check()
    page.get_by_text("Edges, shadow and more", exact=True).click()
    size, alert = place(page)["scale"], page.get_by_role("alert")
    for selector, typed, said in (
        ("#exposure", "25", "Exposure goes from -3 to 3, not 25; it stays 0."),
        ("#scale", "0", f"Size goes from 0.01 to 100, not 0; it stays {size}."),
        ("[data-place=x]", "9999999", "x goes from -1000000 to 1000000, not 9999999; it stays"),
        ("[data-box=width]", "9999", "width goes from 1 to 576, not 9999; it stays 576."),
        ("#finish-shadow", "7", "Shadow goes from 0 to 1, not 7; it stays 0."),
        ("#strength", "", "Strength goes from 0 to 2; it stays 1."),
    ):
        field = page.locator(selector)
        before = field.input_value()
        field.fill(typed)
        field.blur()
        assert said in alert.inner_text()
        assert field.input_value() == before
        page.locator("#view").click(position={"x": 3, "y": 3})
        assert alert.count() == 0  # the next act takes it away
    page.locator("#exposure").fill("0.33")  # between the steps of the slider
    page.locator("#exposure").blur()
    settled(page)
    assert "--exposure 0.33" in page.locator("#command").input_value()
    assert alert.count() == 0
    assert errors == []


def test_methods_without_weights_are_shown_disabled_with_the_way_to_get_them(
    opened: tuple[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSHBENCH_HOME", str(tmp_path))
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address)
    page.get_by_text("Methods whose weights are not installed").click()
    choice = page.get_by_role("checkbox", name="pct-net")
    assert choice.is_disabled()
    note = page.locator(f"#{choice.get_attribute('aria-describedby')}")
    assert note.is_visible()
    assert note.inner_text().startswith("pct-net has no weights here; run sshbench weights get pct-net")
    assert page.get_by_role("checkbox", name="reinhard", exact=True).is_enabled()
    wide, room = page.evaluate("(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])(window.panel)")
    assert wide <= room
    assert errors == []


def test_a_note_goes_with_the_next_thing_that_a_person_does(opened: tuple[str, Any]) -> None:
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address)
    status = page.locator("#status")
    page.locator("#view").focus()
    page.keyboard.press("p")
    assert status.inner_text() == "Paint what belongs to the object."
    page.keyboard.press("Tab")
    assert status.inner_text() == "Paint what belongs to the object."
    page.locator("#view").focus()
    page.keyboard.press("p")
    settled(page)
    assert status.inner_text() == ""
    set_slider(page, "temperature", 20)
    with page.expect_download():
        page.get_by_role("button", name="Picture", exact=True).click()
    settled(page)
    assert status.inner_text().startswith("Saved picture-")
    set_slider(page, "temperature", 30)
    assert status.inner_text() == ""
    set_slider(page, "shadow", 0)
    page.get_by_text("Edges, shadow and more", exact=True).click()
    page.get_by_role("checkbox", name="Match grain").check()
    settled(page)
    assert "rain" in status.inner_text()
    assert errors == []


def test_requests_that_fail_leave_the_page_usable(opened: tuple[str, Any], tmp_path: Path) -> None:
    address, one = opened
    page, _ = open_page(one, "desktop")
    begin(page, address)
    Image.new("RGB", (60, 40), (9, 90, 200)).save(tmp_path / "blue.png")
    page.get_by_text("Mask", exact=True).click()
    page.get_by_role("button", name="Paint the mask").click()
    saving = page.get_by_role("button", name="Picture", exact=True)
    for path in ("found-mask", "save", "map", "pictures/background", "mask"):
        page.route(f"**/{path}", lambda route: route.abort())
    acts: list[Callable[[], Any]] = [
        page.get_by_role("button", name="Find a person").click,
        lambda: page.locator("#panel [data-upload=background]").set_input_files(tmp_path / "blue.png"),
        saving.click,
        lambda: set_slider(page, "exposure", 0.5),
        page.get_by_role("button", name="Invert").click,
    ]
    for act in acts:
        page.evaluate("document.getElementById('error').hidden = true")
        act()
        page.get_by_role("alert").wait_for()
        settled(page)
        assert page.locator("#status").inner_text() == ""
    page.unroute_all()
    set_slider(page, "exposure", 0)
    assert saving.is_enabled()
    assert page.evaluate("studio.app.background.name") != "blue.png"


def test_photographs_are_dropped_and_what_is_none_is_said(opened: tuple[str, Any], tmp_path: Path) -> None:
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address, None)
    (tmp_path / "words.txt").write_text("no picture")
    cutout = np.zeros((200, 300, 4), np.uint8)
    cutout[20:80, 30:90] = (220, 60, 40, 255)
    Image.fromarray(cutout).save(tmp_path / "cut.png")
    Image.new("RGB", (900, 600), (60, 90, 130)).save(tmp_path / "back.png")
    page.locator("#welcome [data-upload=foreground]").set_input_files(tmp_path / "words.txt")
    page.get_by_role("alert").wait_for()
    assert "words.txt: is not an image" in page.get_by_role("alert").inner_text()
    errors.clear()  # the browser itself logs the refusal
    page.locator("#welcome [data-upload=foreground]").set_input_files(tmp_path / "cut.png")
    settled(page)
    assert page.locator("#status").inner_text() == "cut.png is the foreground. Now choose the background."
    assert page.locator("#welcome [data-upload=background]").count() == 1
    assert page.locator("#welcome").is_visible()
    page.locator("#mask-section summary").click()
    page.get_by_role("button", name="Paint the mask").click()
    assert page.locator("#welcome").is_hidden()
    page.get_by_role("button", name="Done").click()
    assert page.locator("#welcome").is_visible()
    page.evaluate(
        """async (text) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)), data = new DataTransfer();
            data.items.add(new File([bytes], "back.png", { type: "image/png" }));
            const about = { dataTransfer: data, bubbles: true, cancelable: true };
            const send = (name, target) => target.dispatchEvent(new DragEvent(name, about));
            send("dragenter", document.body);
            send("drop", document.querySelector("#drops [data-role=background]"));
        }""",
        base64.b64encode((tmp_path / "back.png").read_bytes()).decode(),
    )
    page.wait_for_function("() => window.studio.app.background")
    settled(page)
    assert "back.png" in page.locator("#files").inner_text()
    assert page.evaluate("document.body.dataset.milliseconds") is not None
    # The object, not the photograph that it is cut out of, is in the middle, and turns about its own.
    assert place(page) == {"x": 390, "y": 250, "scale": 1, "rotate": 0, "flip": "none"}
    assert page.evaluate("studio.app.box") == {"left": 30, "top": 20, "right": 90, "bottom": 80, "empty": False}
    assert page.get_by_role("alert").is_hidden()
    assert errors == []


def test_methods_stand_side_by_side_and_a_click_chooses(opened: tuple[str, Any]) -> None:
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address)
    for name in ("reinhard", "pitie"):
        page.get_by_role("checkbox", name=name, exact=True).check()
        settled(page)
    assert len(page.evaluate("studio.stage.drawn")) == 3
    assert "--method pitie" in page.locator("#command").input_value()
    drag(page, (0.05, 0.02), (0.06, 0.02))
    assert "--method ssh-lut" in page.locator("#command").input_value()
    assert errors == []


def test_before_and_after_and_the_reference(opened: tuple[str, Any]) -> None:
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address)
    page.evaluate("studio.app.showHandles = false")
    set_slider(page, "exposure", 2)
    after = canvas_of(page).astype(int)
    page.get_by_role("button", name="Before | after").click()
    settled(page)
    both, middle = canvas_of(page).astype(int), after.shape[1] // 2
    assert np.abs(both[:, middle + 3 :] - after[:, middle + 3 :]).max() == 0
    assert np.abs(both[:, : middle - 3] - after[:, : middle - 3]).max() > 30
    page.locator("#split").focus()
    for _ in range(3):
        page.keyboard.press("PageUp")
    assert page.evaluate("studio.app.split") > 0.6
    page.get_by_text("Reference", exact=True).click()
    page.get_by_role("radio", name="A box, drawn on the picture").check()
    page.get_by_role("button", name="Before | after").click()
    drag(page, (0.3, 0.4), (0.6, 0.7))
    box = page.evaluate("studio.app.reference.box")
    assert box["width"] > 100
    assert f"--reference {box['x']},{box['y']},{box['width']},{box['height']}" in page.locator("#command").input_value()
    assert errors == []


def test_a_shadow_shows_in_the_picture_that_the_server_makes(opened: tuple[str, Any]) -> None:
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address)
    set_slider(page, "shadow", 0.8)
    assert page.evaluate("studio.app.proof") == "ssh-lut"
    dark = canvas_of(page).astype(int)
    set_slider(page, "shadow", 0)
    assert page.evaluate("studio.app.proof") is None
    assert (canvas_of(page).astype(int) - dark).max() > 5
    assert errors == []


def test_the_page_fits_a_phone_and_fingers_move_the_object(opened: tuple[str, Any]) -> None:
    address, one = opened
    page, errors = open_page(one, "phone")
    begin(page, address)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    before = place(page)
    page.evaluate(
        """() => {
            const view = document.getElementById("view"), box = view.getBoundingClientRect();
            const touch = (name, id, x, y) => view.dispatchEvent(new PointerEvent(name, {
                pointerId: id, pointerType: "touch", bubbles: true,
                clientX: box.left + x * box.width, clientY: box.top + y * box.height,
                button: name === "pointermove" ? -1 : 0,
            }));
            view.setPointerCapture = () => {};
            touch("pointerdown", 1, 0.4, 0.5);
            touch("pointerdown", 2, 0.4, 0.6);
            touch("pointermove", 1, 0.4, 0.45);
            touch("pointermove", 2, 0.4, 0.65);
            touch("pointerup", 1, 0.4, 0.45);
            touch("pointerup", 2, 0.4, 0.65);
        }"""
    )
    settled(page)
    assert place(page)["scale"] == pytest.approx(2 * before["scale"], rel=0.1)
    assert errors == []


def test_every_control_has_a_name_and_can_be_reached(opened: tuple[str, Any]) -> None:
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address)
    nameless = page.evaluate(
        """() => {
            const named = (one) => one.getAttribute("aria-label") || one.textContent.trim() || one.labels?.length;
            const all = [...document.querySelectorAll("button, input, select, textarea, [tabindex='0']")];
            return all.filter((one) => !named(one)).map((one) => one.outerHTML);
        }"""
    )
    assert nameless == []
    page.reload()
    page.wait_for_selector("body[data-started]")
    page.keyboard.press("Tab")
    reached = []
    for _ in range(14):
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        page.keyboard.press("Tab")
    assert reached[0] == "Skip to the controls"
    assert reached.index("fit") < reached.index("view") < reached.index("Photographs")
    assert page.locator("#status").get_attribute("aria-live") == "polite"
    assert page.get_by_role("alert").count() == 0
    assert errors == []


def test_a_page_that_is_opened_later_offers_the_last_session(opened: tuple[str, Any]) -> None:
    address, one = opened
    page, errors = open_page(one, "desktop")
    begin(page, address)
    first = page.url
    page.goto(address)
    page.get_by_role("link", name="Continue your last session").click()
    page.wait_for_function("() => window.studio?.app.foreground")
    settled(page)
    assert page.url == first
    assert errors == []
