"""The HTML page: what stands in it, and what it does in a browser."""

from __future__ import annotations

import base64
import html
import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from sshbench.benchmarks.open import open_benchmark
from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.cli.report import report
from sshbench.metrics.suite import METRICS
from sshbench.results.pictures import error_map, results_folders, spread
from sshbench.results.records import Record
from sshbench.results.report import write_report
from tests.results.browser import look
from tests.results.run import METHODS, mean_square

Results = tuple[Path, list[Record]]


@pytest.fixture(scope="module")
def page(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, records = results
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, records, open_benchmark("sample"), [folder], side=200)
    return path


def data_of(path: Path) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.+?)</script>', path.read_text(), re.DOTALL)
    assert found
    return json.loads(found[1])


def decoded(uri: str) -> np.ndarray:
    head, data = uri.split(",", 1)
    assert head.startswith("data:image/")
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image.convert("RGB"))


class Outside(HTMLParser):
    """Notes everything that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "srcset", "href", "data") and not str(value).startswith(("#", "data:")):
                self.found.append(f"{tag} {name}={value}")


def test_the_page_fetches_nothing(page: Path) -> None:
    parser = Outside()
    parser.feed(page.read_text())
    assert parser.found == []
    style = page.read_text().partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_it_holds_every_value_and_infinity_as_what_it_counts_in_means(page: Path, results: Results) -> None:
    data = data_of(page)
    assert [metric["name"] for metric in data["metrics"]] == ["psnr", "mse"]
    values = {(image["id"], method): row for image in data["images"] for method, row in image["values"].items()}
    for record in results[1]:
        psnr, mse = values[record.id, record.method]
        assert psnr == pytest.approx(min(record.metrics["psnr"], 100), rel=1e-5)
        assert mse == pytest.approx(record.metrics["mse"], rel=1e-5)


def test_it_says_what_metrics_and_the_protocol_are_if_they_are_known(
    page: Path, results: Results, tmp_path: Path
) -> None:
    described = PROTOCOLS["sshbench-v1"].description
    first = data_of(page)["metrics"][0]
    assert first == {
        "name": "psnr", "title": "PSNR", "unit": "dB", "about": METRICS["psnr"].description, "higher": True,
        "digits": 2,
    }  # fmt: skip
    assert html.escape(described) in page.read_text()
    assert re.search(r"<td>[\d.]+ <small>\[[\d.]+, [\d.]+\]</small></td>", page.read_text())
    own = [replace(record, protocol="mine", metrics={"own": 1.0}) for record in results[1][:2]]
    write_report(tmp_path / "own.html", own, None, [])
    (metric,) = data_of(tmp_path / "own.html")["metrics"]
    assert metric == {"name": "own", "title": "own", "unit": "", "about": "", "higher": False, "digits": 4}
    assert html.escape(described) not in (tmp_path / "own.html").read_text()


def test_failed_images_are_empty_and_counted(results: Results, tmp_path: Path) -> None:
    records = [
        replace(r, metrics={}, failed="boom <b>", prediction="") if r.method == "grey" and i % 3 == 0 else r
        for i, r in enumerate(results[1])
    ]
    write_report(tmp_path / "page.html", records)
    text = (tmp_path / "page.html").read_text()
    assert "grey failed on 1 image" in text
    assert "boom &lt;b&gt;" in text
    failed = next(r.id for r in records if r.failed)
    image = next(image for image in data_of(tmp_path / "page.html")["images"] if image["id"] == failed)
    assert image["values"]["grey"] == [None, None]


def test_pictures_are_the_images_reduced(page: Path) -> None:
    benchmark = open_benchmark("sample")
    for image in data_of(page)["images"]:
        sample = benchmark[image["id"]]
        width, height = image["pictures"]["size"]
        assert max(width, height) == 200
        for name, whole in (
            ("composite", sample.composite),
            ("ground truth", sample.target),
            *[(m, h(sample)) for m, h in METHODS.items()],
        ):
            expected = np.asarray(Image.fromarray(whole).resize((width, height), Image.Resampling.LANCZOS))
            assert mean_square(decoded(image["pictures"]["images"][name]), expected) < 60, name


def test_error_maps_are_dark_where_there_is_no_error_and_pale_where_it_is_large() -> None:
    target = np.zeros((2, 2, 3), np.uint8)
    prediction = target.copy()
    prediction[0, 1] = 64
    prediction[1, 0] = (0, 96, 96)  # 64 in the mean
    prediction[1, 1] = 255
    colours = error_map(prediction, target)
    assert colours[0, 0].tolist() == [0, 0, 4]
    assert colours[0, 1].tolist() == colours[1, 0].tolist() == colours[1, 1].tolist() == [252, 253, 191]


def test_spread_is_between_the_best_and_the_worst_rival(results: Results) -> None:
    by_image = {}
    for record in results[1]:
        by_image.setdefault(record.id, {})[record.method] = record.metrics["psnr"]
    found = spread(results[1], "psnr")
    assert found == {id: pytest.approx(abs(v["grey"] - v["dark"])) for id, v in by_image.items()}
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert math.isinf(max(v["ceiling-copy"] for v in by_image.values()))  # was left out


def test_what_json_lacks_is_empty(results: Results, tmp_path: Path) -> None:
    odd = {"ratio": math.nan, "far": -math.inf, "raw": "\udcff"}
    records = [replace(r, attributes=odd, benchmark="b\udcff") for r in results[1]]
    write_report(tmp_path / "page.html", records)
    about = data_of(tmp_path / "page.html")["images"][0]["about"]
    assert about == {"ratio": None, "far": None, "raw": "\udcff"}


@pytest.mark.parametrize(
    "name", ["{outside}/private.png", "../private.png", "predictions/../../private.png", "predictions/link.png", "a\0b"]
)
def test_records_show_no_picture_from_elsewhere(results: Results, tmp_path: Path, name: str) -> None:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "private.png")
    folder = tmp_path / "out"
    (folder / "predictions").mkdir(parents=True)
    (folder / "predictions/link.png").symlink_to(tmp_path / "private.png")
    records = [replace(r, prediction=name.format(outside=tmp_path)) for r in results[1]]
    write_report(tmp_path / "page.html", records, open_benchmark("sample"), [folder])
    shown = data_of(tmp_path / "page.html")["images"][0]["pictures"]["images"]
    assert sorted(shown) == ["composite", "ground truth"]


@pytest.mark.parametrize("damage", [b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
def test_a_damaged_prediction_has_no_picture(results: Results, tmp_path: Path, damage: bytes) -> None:
    folder = tmp_path / "out"
    records = [r for r in results[1] if r.method == "grey"]
    for record in records:
        (folder / record.prediction).parent.mkdir(parents=True, exist_ok=True)
        (folder / record.prediction).write_bytes(damage)
    write_report(tmp_path / "page.html", records, open_benchmark("sample"), [folder])
    assert "grey" not in data_of(tmp_path / "page.html")["images"][0]["pictures"]["images"]


def test_names_cannot_break_out_of_the_page(results: Results, tmp_path: Path) -> None:
    evil = "</script><script>window.hurt = 1</script>"
    records = [replace(r, id=evil + r.id, method="<i>" + r.method, attributes={"subset": evil}) for r in results[1]]
    write_report(tmp_path / "page.html", records)
    assert "window.hurt = 1</script>" not in (tmp_path / "page.html").read_text()
    assert "<i>" not in (tmp_path / "page.html").read_text()
    assert look(tmp_path / "page.html", "return window.hurt ?? 0", tmp_path) == 0


# --- in a browser -----------------------------------------------------------------------------------------------------


def test_it_shows_charts_differences_and_cards_for_every_metric(page: Path, tmp_path: Path) -> None:
    seen = look(
        page,
        """
        const seen = [];
        for (const option of document.querySelectorAll("#metric option")) {
          const select = document.getElementById("metric");
          select.value = option.value;
          select.dispatchEvent(new Event("change"));
          seen.push([option.value, document.querySelectorAll("#chart circle").length,
            document.querySelector("#chart svg").ariaLabel, document.querySelectorAll("#differences tbody tr").length,
            document.querySelectorAll(".card").length, document.querySelectorAll("#quartiles tbody tr").length]);
        }
        return seen;""",
        tmp_path,
    )
    assert [row[0] for row in seen] == ["psnr", "mse"]
    for _, dots, label, differences, cards, quartiles in seen:
        assert (dots, differences, cards, quartiles) == (12, 3, 3, 4)
        assert all(f"{method}: mean" in label for method in METHODS)


def test_a_click_on_a_head_sorts_by_it_and_ceilings_stay_below(page: Path, tmp_path: Path) -> None:
    seen = look(
        page,
        """
        const table = document.querySelector("table.sortable");
        const head = table.tHead.rows[0].cells[1];
        const name = (row) => row.cells[0].textContent.trim();
        const read = () => [...table.tBodies].map((body) => [...body.rows].map(name));
        head.querySelector("button").click();
        const down = [head.ariaSort, read()];
        head.querySelector("button").click();
        return [down, [head.ariaSort, read()]];""",
        tmp_path,
    )
    (down, first), (up, second) = seen
    assert (down, up) == ("descending", "ascending")
    assert first[0] == second[0][::-1]
    assert sorted(first[0]) == ["dark", "dc", "grey"]
    assert first[1] == second[1]
    assert first[1][0].startswith("ceiling-copy")


def test_the_slider_follows_keys_and_pointer_and_shows_what_is_chosen(page: Path, tmp_path: Path) -> None:
    seen = look(
        page,
        """
        const box = document.querySelector(".compare"), range = box.querySelector("input");
        range.value = 30;
        range.dispatchEvent(new Event("input"));
        const keyed = box.style.getPropertyValue("--cut");
        const frame = box.getBoundingClientRect();
        box.dispatchEvent(new PointerEvent("pointerdown", { clientX: frame.left + 0.8 * frame.width }));
        const pointed = [box.style.getPropertyValue("--cut"), range.value];
        const id = box.closest(".card").dataset.id;
        const image = data.images.find((image) => image.id === id);
        const right = document.getElementById("right"), shown = {};
        for (const option of right.options) {
          right.value = option.value;
          right.dispatchEvent(new Event("change"));
          const card = [...document.querySelectorAll(".card")].find((card) => card.dataset.id === id);
          const picture = card.querySelector("img.right"), [kind, name] = option.value.split("/");
          shown[option.textContent] = picture.src === image.pictures[kind][name] && picture.alt;
        }
        return { keyed, pointed, focusable: range.tabIndex, named: range.ariaLabel, id, shown };""",
        tmp_path,
    )
    assert seen["keyed"] == "30%"
    assert seen["pointed"] == ["80%", "80"]
    assert seen["focusable"] == 0
    assert seen["named"]
    views = ["composite", *METHODS, "ground truth", *(f"error map: {name}" for name in METHODS)]
    assert seen["shown"] == {view: f"{seen['id']}, {view}" for view in seen["shown"]}
    assert sorted(seen["shown"]) == sorted(views)


def test_images_are_ordered_and_chosen_as_asked(page: Path, results: Results, tmp_path: Path) -> None:
    seen = look(
        page,
        """
        const read = () => [...document.querySelectorAll(".card")].map((card) => card.dataset.id);
        const pick = (id, value) => {
          document.getElementById(id).value = value;
          document.getElementById(id).dispatchEvent(new Event("change"));
        };
        const found = {};
        for (const order of ["differ", "name", "worst/grey", "best/grey"]) {
          pick("order", order);
          found[order] = read();
        }
        pick("only", "kind: across photos");
        return { ...found, none: read() };""",
        tmp_path,
    )
    scores = {r.id: r.metrics["psnr"] for r in results[1] if r.method == "grey"}
    assert seen["worst/grey"] == sorted(scores, key=lambda id: scores[id])
    assert seen["best/grey"] == seen["worst/grey"][::-1]
    assert seen["name"] == sorted(scores)
    assert seen["differ"] == list(spread(results[1], "psnr"))
    assert len(seen["none"]) == 3  # there is no such choice, so all stay


@pytest.mark.parametrize("width", [500, 1280])
def test_nothing_is_wider_than_the_window_and_everything_has_a_name(page: Path, tmp_path: Path, width: int) -> None:
    seen = look(
        page,
        """
        document.querySelectorAll("details").forEach((one) => { one.open = true; });
        await new Promise((done) => setTimeout(done, 100));
        const fields = [...document.querySelectorAll("select, input")];
        return { over: document.documentElement.scrollWidth - window.innerWidth,
          images: document.images.length, silent: [...document.images].filter((image) => !image.alt).length,
          broken: [...document.images].filter((image) => image.loading !== "lazy" && !image.naturalWidth).length,
          unnamed: fields.filter((one) => !one.labels.length && !one.ariaLabel).length,
          language: document.documentElement.lang, headings: document.querySelectorAll("h1").length };""",
        tmp_path,
        width,
    )
    assert seen["over"] <= 0
    assert seen["images"] >= 3 * (2 + 10)
    assert (seen["silent"], seen["broken"], seen["unnamed"]) == (0, 0, 0)
    assert (seen["language"], seen["headings"]) == ("en", 1)


def test_a_table_that_goes_on_beyond_the_edge_says_so_until_its_end_is_seen(page: Path, tmp_path: Path) -> None:
    seen = look(
        page,
        """
        const box = [...document.querySelectorAll(".wide")].find((one) => one.querySelector("table.sortable"));
        const hint = box.previousElementSibling;
        const state = () => [getComputedStyle(hint).display, getComputedStyle(box).boxShadow !== "none"];
        const wait = () => new Promise((done) => setTimeout(done, 100));
        await wait();
        const before = { over: box.scrollWidth > box.clientWidth, text: hint.textContent, state: state() };
        box.scrollLeft = box.scrollWidth; box.dispatchEvent(new Event("scroll")); await wait();
        return { ...before, after: state() };""",
        tmp_path,
        500,
    )
    assert seen == {
        "over": True,
        "text": "more columns: scroll →",
        "state": ["block", True],
        "after": ["none", False],
    }


def test_portrait_images_leave_no_holes_between_cards(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_report(path, results[1], open_benchmark("sample"), results_folders([results[0]]), side=48)
    text = path.read_text(encoding="utf-8")
    size = re.search(r'"size":\[(\d+),(\d+)\]', text)
    assert size
    path.write_text(text.replace(size[0], '"size":[200,800]', 1), encoding="utf-8")  # one of them is tall
    seen = look(
        path,
        """
        await new Promise((done) => setTimeout(done, 100));
        const boxOf = (card, name) => card.querySelector(name).getBoundingClientRect();
        return [...document.querySelectorAll(".card")].map((card) => {
          const [stage, box] = [boxOf(card, ".stage"), boxOf(card, ".compare")];
          const within = box.width <= stage.width + 1 && box.height <= stage.height + 1;
          return [Math.round(stage.height), box.width / box.height, within];
        });""",
        tmp_path,
    )
    assert len(seen) == 3
    assert len({height for height, *_ in seen}) == 1
    assert any(ratio == pytest.approx(0.25, abs=0.01) for _, ratio, _ in seen)
    assert all(within for *_, within in seen)


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_makes_the_page_of_a_folder(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    done = CliRunner().invoke(
        report, [str(results[0]), "-o", str(path), "--pictures", "2", "--side", "64", "--sort", "mse"]
    )
    assert done.exit_code == 0, done.output
    data = data_of(path)
    assert data["metrics"][0]["name"] == "mse"
    assert sum(image["pictures"] is not None for image in data["images"]) == 2


def test_without_the_benchmark_the_page_has_no_pictures_and_the_command_says_so(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sshbench.results.folder import records_file
    from sshbench.results.records import write_records

    monkeypatch.delenv("SSHBENCH_REALHM", raising=False)
    rows = [replace(r, benchmark="realhm") for r in results[1] if r.method == "grey"]
    file = records_file(tmp_path, "grey", "sshbench-v1")
    file.parent.mkdir()
    write_records(file, rows)
    done = CliRunner().invoke(report, [str(tmp_path), "-o", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    assert "the page has no pictures" in done.output
    assert "--root" in done.output
    assert "made without pictures" in (tmp_path / "page.html").read_text()


def test_folders_of_results_are_found_below_what_is_given(results: Results, tmp_path: Path) -> None:
    folder = results[0]
    file = next((folder / "records").glob("*.parquet"))
    for path in (folder, folder / "records", file):
        assert results_folders([path]) == [folder], path
