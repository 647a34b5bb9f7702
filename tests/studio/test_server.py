"""The studio's server: what a page gets, the command that makes the same picture, and what is refused."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import socket
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

import sshbench
from sshbench.colour.grade import Grade
from sshbench.compositing.masking import find_mask
from sshbench.compositing.painting import Painting, find_painting
from sshbench.compositing.photo import in_srgb
from sshbench.compositing.scene import Scene
from sshbench.images.files import ImageFile
from sshbench.methods.registry import UNSHIPPED
from sshbench.options import fields_of
from sshbench.studio.examples import EXAMPLES
from sshbench.studio.server import MOST_UPLOAD, make_app
from sshbench.studio.serving import is_loopback
from sshbench.studio.session import Session
from sshbench.studio.wish import Wish, offered
from tests.images.made_profiles import profile
from tests.test_whole_file import no_file_above
from tools.studio_pictures import served

_RUN = "import sys; from sshbench.cli.main import main; main(sys.argv[1:])"


class Page:
    """What a browser's page does: one session of a server."""

    def __init__(self, app: Any, **options: Any) -> None:
        self.client = TestClient(app, base_url="http://127.0.0.1", **options)
        self.base = str(self.client.get("/").url)

    def post(self, path: str, **given: Any) -> Any:
        return self.client.post(self.base + path, **given)

    def get(self, path: str) -> Any:
        return self.client.get(self.base + path)

    def upload(self, role: str, data: bytes, name: str = "a photo.png") -> Any:
        return self.post(f"pictures/{role}", content=data, headers={"x-file-name": name})

    def example(self, **more: Any) -> dict[str, Any]:
        said = self.post("examples/astronaut").json()
        return {"method": "ssh-lut", "at": said["at"], "scale": said["scale"], **more}


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(make_app(tmp_path / "sessions"))


def png(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(file, "PNG")
    return file.getvalue()


def claims(width: int, height: int) -> bytes:
    """A PNG of few bytes that claims a size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = (
        struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (header, data, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_the_map_is_the_one_that_the_saved_picture_went_through(page: Page) -> None:
    wish = page.example(rotate=4, lightness=1.3, exposure=0.4)
    answer = page.post("map", json=wish)
    said = json.loads(answer.headers["x-map"])
    table = np.frombuffer(answer.content, "<f4").reshape((said["size"],) * 3 + (3,))
    foreground, mask, background = EXAMPLES["astronaut"].files()
    own = sshbench.harmonize(foreground, background, mask, **Wish(**wish).arguments()).lut()
    assert np.abs(table - own.values).max() < 1e-6


def test_the_map_of_small_copies_is_near_that_of_large_photographs(page: Page, tmp_path: Path) -> None:
    foreground, mask, background = (Image.open(path) for path in EXAMPLES["astronaut"].files())
    files = {"foreground": foreground, "mask": mask, "background": background}
    for role, image in files.items():
        large = image.resize((image.width * 5, image.height * 5), Image.Resampling.BICUBIC)
        large.save(tmp_path / f"{role}.png", compress_level=1)
        assert page.upload(role, (tmp_path / f"{role}.png").read_bytes()).status_code == 200
    wish = {"method": "ssh-lut", "at": [480, 340], "scale": 0.62}
    answer = page.post("map", json=wish)
    own = sshbench.harmonize(
        *(tmp_path / f"{role}.png" for role in ("foreground", "background", "mask")), **Wish(**wish).arguments()
    ).lut()
    assert own.values is not None
    table = np.frombuffer(answer.content, "<f4").reshape(own.values.shape)
    assert 255 * np.abs(table - own.values).mean() < 1.6


def test_a_slider_asks_no_method_and_a_new_place_asks_it_about_small_copies(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of photographs of 2,560 pixels, which no change opens again."""
    for role, path in zip(("foreground", "mask", "background"), EXAMPLES["astronaut"].files(), strict=True):
        image = Image.open(path)
        image.resize((image.width * 5, image.height * 5)).save(tmp_path / f"{role}.png", compress_level=1)
        assert page.upload(role, (tmp_path / f"{role}.png").read_bytes()).status_code == 200
    wish = {"method": "ssh-lut", "at": [480, 340], "scale": 0.62}
    session = page.client.app.state.sessions.get(page.base.rstrip("/").rpartition("/")[2])  # type: ignore[attr-defined]
    session.lut(Wish(**wish))
    asked: list[int] = []

    def counted(scene: Scene, *rest: Any) -> Painting:
        asked.append(scene.canvas.width * scene.canvas.height)
        return find_painting(scene, *rest)

    monkeypatch.setattr("sshbench.studio.session.find_painting", counted)
    monkeypatch.setattr("sshbench.studio.session.open_photo", None)
    for i in range(3):
        session.lut(Wish(**{**wish, "lightness": 1 + i / 10, "contrast": 10.0 * i}))
    assert not asked
    for i in range(1, 4):
        session.lut(Wish(**{**wish, "at": [480 + 10 * i, 340]}))
    picture = session.pictures["background"]
    assert len(asked) == 3
    assert max(asked) < picture.width * picture.height / 4


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_the_command_of_a_bundle_makes_the_same_picture_byte_for_byte(page: Page, tmp_path: Path, suffix: str) -> None:
    page.post("mask", content=b"")  # refused: nothing is there yet
    wish = page.example(
        rotate=-3.5,
        flip="horizontal",
        reference="20,30,300,200",
        strength=0.8,
        colour=1.2,
        temperature=10.0,
        shadow=0.4,
    )
    wish["at"] = [-20, 60]
    made = page.post("save", json={**wish, "kind": "bundle", "suffix": suffix}).json()
    folder = tmp_path / "bundle"
    with zipfile.ZipFile(io.BytesIO(page.get(f"saved/{made['file']}").content)) as bundle:
        bundle.extractall(folder)
    names = (f"picture{suffix}", "layer.png", "look.cube")
    kept = {name: (folder / name).read_bytes() for name in names}
    words = shlex.split((folder / "command.sh").read_text().splitlines()[1])
    assert words[0] == "sshbench"
    for name in kept:
        (folder / name).unlink()
    done = subprocess.run([sys.executable, "-c", _RUN, *words[1:]], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {name: (folder / name).read_bytes() for name in kept} == kept
    single = page.post("save", json={**wish, "kind": "picture", "suffix": suffix}).json()
    assert page.get(f"saved/{single['file']}").content == kept[f"picture{suffix}"]
    assert shlex.split(made["command"]) == words


def test_a_painted_mask_counts(page: Page) -> None:
    wish = page.example()
    state = page.get("state").json()["mask"]
    grey = np.frombuffer(page.get("mask").content, np.uint8).reshape(state["height"], state["width"])
    assert grey.max() == 255
    before = page.post("map", json=wish).content
    painted = np.zeros_like(grey)
    painted[100:140, 230:290] = 255
    assert page.post("mask", content=painted.tobytes()).json()["mask"]["version"] > state["version"]
    assert page.get("mask").content == painted.tobytes()
    assert page.post("map", json=wish).content != before
    page.post("mask", content=bytes(painted.size))
    refused = page.post("map", json=wish)
    assert refused.status_code == 422
    assert "empty" in refused.json()["error"]


def test_the_page_turns_a_cutout_about_the_point_that_the_saved_picture_turns_it_about(page: Page) -> None:
    down, across = np.mgrid[:240, :320]
    alpha = np.clip(40 * (1.2 - np.hypot((down - 130) / 70, (across - 150) / 120)), 0, 1) * 255
    cutout = np.dstack([np.full((240, 320, 3), 180), alpha]).astype(np.uint8)
    page.upload("background", png(np.full((300, 400, 3), 90)))
    found = page.upload("foreground", png(cutout)).json()["mask"]["box"]
    assert found == [*extent_of(cutout[..., 3])]
    painted = np.full((240, 320), 255, np.uint8)
    painted[:, :180] = np.clip(np.arange(180) * 3 - 300, 0, 255)
    painted[:90] = 0
    found = page.post("mask", content=painted.tobytes()).json()["mask"]["box"]
    both = np.rint(painted / 255 * cutout[..., 3]).astype(np.uint8)
    assert found == [*extent_of(both)]
    assert found != [*extent_of(cutout[..., 3])]
    assert page.get("state").json()["mask"]["box"] == found
    assert page.post("mask", content=bytes(painted.size)).json()["mask"]["box"] is None


def test_the_server_s_preview_of_a_turned_cutout_lies_where_the_saved_picture_does(page: Page) -> None:
    times = 5  # larger than what the preview is made of
    down, across = np.mgrid[: 200 * times, : 300 * times] / times
    alpha = np.clip(40 * (1.1 - np.hypot((down - 110) / 70, (across - 140) / 110)), 0, 1) * 255
    cutout = np.dstack([np.full((*alpha.shape, 3), (230, 40, 40)), alpha])
    page.upload("background", png(np.full((400 * times, 600 * times, 3), 40)))
    page.upload("foreground", png(cutout))
    painted = np.where(down < 45, 0, np.clip(3 * across - 200, 0, 255)).astype(np.uint8)
    page.post("mask", content=painted.tobytes())
    wish = {"method": "reinhard", "at": [750, 500], "rotate": 140, "strength": 0, "lightness": 0, "colour": 0}
    made = page.post("save", json={**wish, "kind": "picture"}).json()
    answers = page.post("proof", json=wish), page.get(f"saved/{made['file']}")
    preview, saved = (np.asarray(Image.open(io.BytesIO(one.content)).convert("RGB"))[..., 0] - 40.0 for one in answers)
    assert preview.shape != saved.shape
    middles = []
    for weight in (preview, saved):
        places = (np.mgrid[: weight.shape[0], : weight.shape[1]] + 0.5) * 600 * times / weight.shape[1]
        middles.append([(weight * place).sum() / weight.sum() for place in places])
    assert np.abs(np.subtract(*middles)).max() < 0.5


def extent_of(mask: Any) -> tuple[int, int, int, int]:
    """The box of what a mask has above 1/32, computed anew."""
    down, across = np.nonzero(mask > 255 / 32)
    return int(across.min()), int(down.min()), int(across.max()) + 1, int(down.max()) + 1


def test_a_painted_mask_of_a_large_photograph_has_its_box_at_full_size(page: Page) -> None:
    page.upload("background", png(np.full((300, 400, 3), 90)))
    state = page.upload("foreground", png(np.full((1500, 3000, 3), 180))).json()["mask"]
    assert (state["width"], state["height"], state["box"]) == (2048, 1024, None)
    painted = np.zeros((1024, 2048), np.uint8)
    painted[300:500, 700:1401] = 255
    box = page.post("mask", content=painted.tobytes()).json()["mask"]["box"]
    stored = np.asarray(Image.open(session_folder(page) / "mask.png"))
    assert stored.shape == (1500, 3000)
    assert box == [*extent_of(stored)]


def test_methods_without_weights_say_what_to_put_where(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSHBENCH_HOME", str(session_folder(page)))
    said = {one["name"]: one["missing"] for one in page.get("state").json()["methods"]}
    assert said["ssh-lut"] is said["ssh"] is said["reinhard"] is None
    assert {name for name, missing in said.items() if missing} == set(UNSHIPPED)
    assert "pct-net has no weights here; run sshbench weights get pct-net" in said["pct-net"]
    assert "sshbench weights import latest_net_G.pth --method dovenet" in said["dovenet"]
    answer = page.post("map", json={**page.example(), "method": "dovenet"})
    assert "has no weights" in answer.json()["error"]


def test_the_limits_of_the_page_are_those_of_the_settings() -> None:
    """Of each number that the page has in its HTML; those of a finish are sent by the server."""
    text = files("sshbench.studio").joinpath("page/index.html").read_text()
    known = fields_of(Wish)
    found = dict(re.findall(r'data-wish="([a-z]+)" (min="\S+" max="\S+")', text))
    assert set(found) == {"strength", "lightness", "colour", *fields_of(Grade)}
    found |= dict(re.findall(r'data-place="([a-z]+)" (min="\S+" max="\S+")', text))
    for name, said in found.items():
        low, high = (float(number) for number in re.findall(r'"(\S+)"', said))
        bounds = {
            key: getattr(one, key) for one in known[name].metadata for key in ("ge", "le", "gt") if hasattr(one, key)
        }
        assert high == bounds["le"], name
        assert low == bounds["ge"] if "ge" in bounds else low > bounds["gt"], name


def test_a_cutout_needs_no_mask_and_a_photograph_does(page: Page) -> None:
    cutout = np.zeros((40, 60, 4), np.uint8)
    cutout[10:30, 20:40] = (200, 120, 60, 255)
    assert page.upload("background", png(np.full((90, 120, 3), 90))).status_code == 200
    assert page.upload("foreground", png(cutout)).json()["pictures"]["foreground"]["cutout"]
    wish = {"method": "reinhard", "at": [5, 5], "scale": 1.0}
    answer = page.post("map", json=wish)
    assert "--mask" not in json.loads(answer.headers["x-map"])["command"]
    assert page.upload("foreground", png(cutout[..., :3])).status_code == 200
    refused = page.post("map", json=wish).json()["error"]
    assert "no mask yet" in refused


def test_sessions_do_not_mix(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    one, other = Page(app), Page(app)
    assert one.base != other.base
    wish = one.example()
    assert other.get("state").json()["pictures"] == {}
    assert other.post("map", json=wish).status_code == 422
    made = one.post("save", json={**wish, "kind": "picture"}).json()
    assert one.get(f"saved/{made['file']}").status_code == 200
    assert other.get(f"saved/{made['file']}").status_code == 404


def test_a_session_outlives_its_page_and_its_server(tmp_path: Path) -> None:
    page = Page(make_app(tmp_path))
    wish = page.example(exposure=0.5)
    table = page.post("map", json=wish).content
    made = page.post("save", json={**wish, "kind": "picture"}).json()
    page.client = TestClient(make_app(tmp_path), base_url="http://127.0.0.1")
    state = page.get("state").json()
    assert state["wish"]["exposure"] == 0.5
    assert [one["file"] for one in state["saved"]] == [made["file"]]
    assert page.get(f"saved/{made['file']}").status_code == 200
    assert page.post("map", json=wish).content == table


class Killed(BaseException):
    """The server is gone."""


def test_a_server_that_is_killed_while_it_takes_a_photograph_leaves_the_session_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(make_app(tmp_path))
    wish = page.example()
    table = page.post("map", json=wish).content
    (session,) = tmp_path.iterdir()
    (session / "upload-0123.png").write_bytes(b"half")

    def killed(self: Session) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Session, "_store", killed)
        with pytest.raises(Killed):
            page.upload("foreground", png(np.zeros((40, 50, 3))))
    left = {path.name for path in session.iterdir()}
    for path in session.iterdir():
        os.utime(path, (0, 0))
    page.client = TestClient(make_app(tmp_path), base_url="http://127.0.0.1")
    assert page.get("state").json()["mask"]["version"] is not None
    assert page.post("map", json=wish).content == table
    assert page.post("save", json={**wish, "kind": "picture"}).status_code == 200
    assert len(left - {path.name for path in session.iterdir()}) == 2  # a partial upload, and a file being taken


def test_a_full_disk_is_told_in_a_sentence(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    wish = page.example()
    data = png(np.random.default_rng(0).integers(0, 256, (300, 300, 3)))
    with no_file_above(50_000):
        sent, saved = page.upload("background", data), page.post("save", json={**wish, "kind": "picture"})
    assert sent.status_code == 507
    assert sent.json() == {"error": "The studio's disk is full; make room and do it again."}
    assert saved.status_code == 422
    assert ": cannot be written (File too large); make room" in saved.json()["error"]
    assert "Traceback" not in caplog.text
    assert page.post("save", json={**wish, "kind": "picture"}).status_code == 200


def test_sessions_that_rest_free_their_memory_and_go_on(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    first = Page(app)
    wish = first.example()
    table = first.post("map", json=wish).content
    others = [Page(app) for _ in range(5)]
    for other in others:
        other.example()
    sessions = [app.state.sessions._open[one.base.rstrip("/").rpartition("/")[2]] for one in (first, *others)]
    assert [bool(one._copies) for one in sessions] == [False, False, True, True, True, True]
    assert first.post("map", json={**wish, "exposure": 0.5}).content != table
    assert first.post("map", json=wish).content == table
    assert others[0].get(f"known?path={first.base.removeprefix('http://127.0.0.1')}").json() == {"known": True}
    assert others[0].get("known?path=/s/../../etc/").json() == {"known": False}


def test_wide_gamut_photographs_are_shown_in_srgb_with_the_map_that_is_saved(page: Page, tmp_path: Path) -> None:
    foreground, mask, background = EXAMPLES["astronaut"].files()
    icc = profile("ProPhoto RGB")
    wide = tmp_path / "wide.png"
    Image.open(background).save(wide, icc_profile=icc)
    assert page.upload("background", wide.read_bytes()).status_code == 200
    shown = np.asarray(Image.open(io.BytesIO(page.get("pictures/background").content)))
    stored = np.asarray(Image.open(background))
    expected = in_srgb(ImageFile(stored, icc=icc))
    assert np.abs(shown.astype(int) - expected).max() <= 1
    assert np.abs(shown.astype(int) - stored).mean() > 5
    page.upload("foreground", foreground.read_bytes())
    page.upload("mask", mask.read_bytes())
    wish = {"method": "ssh-lut", "at": [96, 68], "scale": 0.62}
    own = sshbench.harmonize(foreground, wide, mask, **Wish(**wish).arguments()).lut(space="srgb")
    assert own.values is not None
    table = np.frombuffer(page.post("map", json=wish).content, "<f4").reshape(own.values.shape)
    assert 255 * np.abs(table - own.values).mean() < 0.5  # the foreground's own path through ProPhoto rounds


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (claims(20_000, 15_000), "20000 x 15000"),
        (b"these are words, and no picture\n" * 9, "not an image"),
        (b"", "is empty"),
        (png(np.random.default_rng(1).integers(0, 256, (30, 40, 3)))[:-900], "damaged"),
    ],
    ids=["300 megapixels", "text", "nothing", "cut short"],
)
def test_what_is_no_photograph_gets_a_sentence_and_changes_nothing(page: Page, data: bytes, said: str) -> None:
    page.example()
    before, files = page.get("state").json(), sorted(path.name for path in Path(session_folder(page)).iterdir())
    answer = page.upload("foreground", data, "../../etc/evil name.png")
    assert answer.status_code == 422
    assert said in answer.json()["error"]
    assert answer.json()["error"].startswith("evil name.png")
    assert str(session_folder(page)) not in answer.text
    assert page.get("state").json() == before
    assert sorted(path.name for path in Path(session_folder(page)).iterdir()) == files


def session_folder(page: Page) -> Path:
    name = page.base.rstrip("/").rpartition("/")[2]
    sessions = page.client.app.state.sessions  # type: ignore[attr-defined]
    return Path(sessions.folder / name)


def test_an_empty_mask_gets_a_sentence(page: Page) -> None:
    page.example()
    answer = page.upload("mask", png(np.zeros((512, 512))), "black.png")
    assert answer.status_code == 422
    assert "empty" in answer.json()["error"]
    answer = page.upload("mask", png(np.full((100, 512), 255)), "small.png")
    assert "small.png: is 512 x 100 and astronaut_gt.jpg 512 x 512" in answer.json()["error"]


@pytest.mark.parametrize("request_", ["auto:person", "grabcut:90,20,260,480"])
def test_a_mask_is_found(page: Page, request_: str) -> None:
    pytest.importorskip("cv2")
    if request_ == "auto:person":
        pytest.importorskip("ai_edge_litert")
    page.example()
    photo = np.asarray(Image.open(EXAMPLES["astronaut"].files()[0]))
    own = find_mask(request_, photo).ravel() > 0.5
    page.post("mask", content=bytes(own.size))
    answer = page.post("found-mask", json={"request": request_})
    assert answer.status_code == 200, answer.text
    found = np.frombuffer(page.get("mask").content, np.uint8) > 127
    assert 0.1 < own.mean() < 0.9
    assert (found & own).sum() / (found | own).sum() > 0.98
    for bad in ("grabcut:0,0,0,0", "grabcut:-5,0,9999,3", "/etc/passwd", ""):
        assert page.post("found-mask", json={"request": bad}).status_code == 422


@pytest.mark.parametrize("kind", ["layer", "psd", "lut"])
def test_layers_and_luts_are_saved(page: Page, kind: str) -> None:
    if kind == "psd":
        pytest.importorskip("psd_tools")
    wish = page.example(shadow=0.5)
    made = page.post("save", json={**wish, "kind": kind}).json()
    data = page.get(f"saved/{made['file']}").content
    assert len(data) == made["bytes"]
    if kind == "lut":
        assert b"LUT_3D_SIZE 17" in data
    else:
        assert Image.open(io.BytesIO(data)).size == (576, 384)


def test_names_of_files_lead_nowhere(page: Page, tmp_path: Path) -> None:
    picture = png(np.full((30, 40, 3), 200))
    for name in (
        "../../../x.png",
        "%2e%2e%2fx.png",
        "C:\\x.png",
        "-o.png",
        "a;rm -rf b.png",
        "\u202egnp.exe",
        "x" * 300,
    ):
        said = page.upload("background", picture, name.encode("ascii", "ignore").decode()).json()
        plain = said["pictures"]["background"]["name"]
        assert "/" not in plain
        assert not plain.startswith(("-", "."))
        assert shlex.quote(plain) == plain
    assert {path.name for path in tmp_path.iterdir()} <= {"sessions"}
    session = page.client.app.state.sessions.get(session_folder(page).name)  # type: ignore[attr-defined]
    ends = [session.new_upload(name).name[23:] for name in ("a/b.DNG", "x.p/../g", "x.a;b", "x")]
    assert ends == [".dng", "", "", ""]
    names = {path.name.partition("-")[0] for path in session_folder(page).iterdir()}
    assert names == {"background", "session.json"}
    for path in ("saved/..%2fsession.json", "saved/session.json", "pictures/..%2f..%2fx"):
        assert page.get(path).status_code == 404


def test_only_methods_on_offer_run(page: Page, tmp_path: Path) -> None:
    wish = page.example()
    code = tmp_path / "evil.py"
    code.write_text("raise SystemExit('it ran')")
    for name in (str(code), f"{code}:X", "ceiling-lut", "ssh-lut:weights=/etc/passwd", ""):
        answer = page.post("map", json={**wish, "method": name})
        assert answer.status_code == 422
        assert "no method" in answer.json()["error"]
    assert "ssh-lut" in offered()


@pytest.mark.parametrize(
    "change",
    [{"scale": 0}, {"scale": "NaN"}, {"strength": 3}, {"at": [1]}, {"at": ["a", 2]}, {"reference": "1,2,3"},
     {"reference": "0,0,9999,9999"}, {"nonsense": 1}, {"exposure": 1e9}, {"flip": "sideways"}],
)  # fmt: skip
def test_settings_out_of_bounds_get_a_sentence(page: Page, change: dict[str, Any]) -> None:
    answer = page.post("map", json={**page.example(), **change})
    assert answer.status_code == 422
    assert len(answer.json()["error"]) > 10


def test_other_sites_are_refused(page: Page) -> None:
    page.example()
    evil = {"origin": "http://evil.example"}
    assert page.post("save", json={}, headers=evil).status_code == 403
    assert page.post("examples/cup", headers={"origin": "null"}).status_code == 403
    assert page.client.get(page.base + "state", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert page.client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert page.post("examples/cup", headers={"origin": "http://127.0.0.1"}).status_code == 200
    headers = page.get("").headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_large_bodies_are_refused_before_they_are_read(page: Page) -> None:
    length = {"content-length": str(MOST_UPLOAD + 1)}
    assert page.post("pictures/foreground", content=b"x", headers=length).status_code == 413
    assert page.post("map", content=b" " * 20_000).status_code == 413
    assert page.post("map", content=b"[1]").status_code == 400
    assert page.post("mask", content=bytes(2**22 + 1)).status_code == 413


def test_a_host_that_others_reach_needs_the_token(tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path, token="secret", hosts=("*",)), base_url="http://studio.example")
    assert client.get("/").status_code == 403
    assert client.get("/?token=wrong").status_code == 403
    assert client.get("/?token=secret").status_code == 200
    assert client.get("/s/AAAAAAAAAAAAAAAAAAAAAA/state").status_code == 404
    assert [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "studio.example")] == [
        True, True, True, False, False,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("studio")
    with served(folder) as (address, _):
        yield address, folder


def test_an_upload_whose_socket_closes_leaves_nothing(real: tuple[str, Path]) -> None:
    address, folder = real
    with TestClient(make_app(folder), base_url=address.rstrip("/")):
        pass  # a second application on the folder does no harm
    host, _, port = address.removeprefix("http://").rstrip("/").partition(":")
    head = f"Host: {host}:{port}\r\n"
    with socket.create_connection((host, int(port))) as one:
        one.sendall(f"GET / HTTP/1.1\r\n{head}\r\n".encode())
        place = next(
            line for line in one.recv(4096).decode().split("\r\n") if line.lower().startswith("location:")
        ).split()[1]
    with socket.create_connection((host, int(port))) as one:
        one.sendall(f"POST {place}pictures/foreground HTTP/1.1\r\n{head}Content-Length: 100000\r\n\r\n".encode())
        one.sendall(bytes(5000))
        time.sleep(0.3)
    deadline = time.monotonic() + 20
    while any(folder.glob("*/upload-*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(folder.glob("*/upload-*"))
    with socket.create_connection((host, int(port))) as one:
        one.sendall(f"GET {place}state HTTP/1.1\r\n{head}\r\n".encode())
        assert b" 200 " in one.recv(4096)


def test_a_port_that_is_taken_gets_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        words = [sys.executable, "-c", _RUN, "studio", "--no-browser", "--port", port]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
