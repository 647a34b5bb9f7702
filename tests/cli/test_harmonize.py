"""`sshbench harmonize`: files and folders, what is written, and what is refused."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

import sshbench
from sshbench.cli.composites.jobs import plan
from sshbench.cli.main import main
from sshbench.compositing.spaces import space_of
from sshbench.images.files import ImageFile, write_image
from sshbench.images.profiles import srgb_profile
from sshbench.images.reading import read_image
from sshbench.lut.files import read_lut
from tests.compositing.standin import Known, ellipse, look, pasted, photo
from tests.images.made_profiles import ink_profile, profile

F, B, M = photo("coffee"), photo("rocket"), ellipse(200, 300)

STANDIN = """
from sshbench.folders import data_folder
from sshbench.lut.files import read_lut
from sshbench.methods.full_resolution import ColourMap

class Known:
    def colour_maps(self, views, kind):
        lut = read_lut(data_folder("luts") / "golden-hour.cube")
        return [ColourMap("lut", lut) for _ in views]

    def harmonize(self, batch):
        raise AssertionError
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("known.py").write_text(STANDIN)
    for name, pixels in (("f.png", F), ("b.png", B), ("m.png", np.dstack([M] * 3))):
        write_image(name, ImageFile(pixels=pixels))
    write_image("cut.png", ImageFile(pixels=F, alpha=M))
    for folder, name in (("cut", "cut.png"), ("rooms", "b.png"), ("masks", "m.png")):
        Path(folder).mkdir()
        for number in "12":
            Path(folder, f"{number}.png").write_bytes(Path(name).read_bytes())


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["harmonize", *words])
    return int(stopped.value.code or 0)


def expected() -> np.ndarray:
    from sshbench import apply_lut

    return pasted(apply_lut(F, look(), layout="HWC"), B, M)


def test_a_foreground_onto_a_background(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--foreground f.png --background b.png --mask m.png --method known.py -o new/out.png"
    assert run(*words.split(), "--export-lut", "new/look.cube", "--preview", "new/both.png") == 0
    assert np.array_equal(read_image("new/out.png").pixels, expected())
    assert np.allclose(read_lut("new/look.cube").values, look().values, atol=1e-5)
    assert Image.open("new/both.png").size[0] == 2 * 300 + 8
    # The mask reaches over 158 x 104 pixels from 71,48 on; the reference is 1.5 times as wide and high.
    said = "new/out.png: known, lut map, reference of 237 x 156 pixels at 31,22"
    assert capsys.readouterr().out == f"{said}; also new/look.cube, new/both.png\n"


def test_a_preview_and_a_lut_of_a_photograph_of_another_space() -> None:
    icc = profile("ProPhoto RGB")
    for name, pixels in (("f.png", F), ("b.png", B)):
        write_image(name, ImageFile(pixels=pixels, icc=icc))
    words = "--foreground f.png --background b.png --mask m.png --method known.py -o out.png --overwrite"
    assert run(*words.split(), "--export-lut", "w.cube", "--preview", "both.png") == 0
    assert run(*words.split(), "--export-lut", "s.cube", "--lut-space", "srgb") == 0
    assert read_lut("w.cube").title == "known lut, ProPhoto RGB"
    assert read_lut("s.cube").title == "known lut, sRGB"
    assert np.allclose(read_lut("s.cube").values, look().values, atol=1e-5)
    sheet = Image.open("both.png")
    assert sheet.info["icc_profile"] == srgb_profile()
    # The background in the sheet, which lies below its title, is what the photograph looks like in sRGB.
    seen = space_of(icc).seen(B)
    assert np.abs(np.asarray(sheet)[24 : 24 + 20, :300].astype(int) - seen[:20]).mean() < 1


@pytest.mark.parametrize("suffix", ["avif", "jp2", "ppm"])
def test_folders_of_formats_that_are_read_alone(suffix: str) -> None:
    if suffix == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    for number in "12":
        Path("rooms", f"{number}.png").unlink()
        Image.fromarray(B).save(Path("rooms", f"{number}.{suffix}"))
    words = "--foreground cut --background rooms --method known.py -o out"
    assert run(*words.split()) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["1.png", "2.png"]


def test_inks_are_converted_and_the_command_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("CMYK", (300, 200), (0, 128, 255, 20)).save("inks.jpg", icc_profile=ink_profile())
    words = "--foreground f.png --background inks.jpg --mask m.png --method known.py -o out.png"
    assert run(*words.split()) == 0
    said = "warning: inks.jpg: CMYK ink values were converted to 8-bit sRGB with the profile Block dyes"
    assert said in capsys.readouterr().err


def test_a_cut_out_needs_no_mask_and_may_be_placed() -> None:
    words = "--foreground cut.png --background b.png --method known.py -o out.png --at -30,40"
    assert run(*words.split()) == 0
    moved = np.zeros_like(M)
    moved[40:, :270] = M[:160, 30:]
    assert np.array_equal(read_image("out.png").pixels[moved == 0], B[moved == 0])
    assert (read_image("out.png").pixels != B).any(axis=2)[moved == 255].mean() > 0.9


def test_the_layer_is_written_beside_the_picture(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--foreground cut.png --background b.png --method known.py -o out.png --center --rotate 20"
    assert run(*words.split(), "--layer", "new/layer.tif") == 0
    layer = read_image("new/layer.tif")
    assert layer.alpha is not None
    assert np.abs(pasted(layer.pixels, B, layer.alpha).astype(int) - read_image("out.png").pixels).max() <= 1
    assert (layer.alpha > 0).any(axis=1).sum() > 100
    capsys.readouterr()
    assert run(*words.split(), "--layer", "layer.jpg", "--overwrite") == 2
    assert "JPEG cannot hold the transparency of a layer; use the suffix .png, .tif or .webp" in capsys.readouterr().err
    assert run("--foreground", "cut", "--background", "rooms", "--method", "known.py", "-o", "o", "--layer", "l") == 0
    assert read_image("l/1.png").alpha is not None


def test_layers_of_a_file_for_editors(capsys: pytest.CaptureFixture[str]) -> None:
    psd_tools = pytest.importorskip("psd_tools", reason="psd-tools, the extra psd, is not installed")
    words = "--foreground cut.png --background b.png --method known.py -o out.png --center --scale 0.5"
    assert run(*words.split(), "--psd", "new/a.psd") == 0
    background, _, graded = psd_tools.PSDImage.open("new/a.psd")
    assert np.array_equal(np.rint(background.numpy()[..., :3] * 255), B)
    assert 0 < graded.width < 300
    capsys.readouterr()
    assert run(*words.split(), "--psd", "a.tif", "--overwrite") == 2
    assert "a.tif: is a file of layers; name it .psd" in capsys.readouterr().err


def test_a_composite(tmp_path: Path) -> None:
    words = "--composite f.png --mask m.png --method known.py -o out.png --strength 0"
    assert run(*words.split()) == 0
    assert np.array_equal(read_image("out.png").pixels, F)


def test_the_options_of_a_place_are_the_keywords_of_python() -> None:
    words = "--foreground cut.png --background b.png --method known.py -o out.png"
    place = "--anchor bottom --at 40%,95% --fit height=60% --rotate -8 --flip horizontal"
    assert run(*words.split(), *place.split()) == 0
    by_hand = sshbench.harmonize(
        "cut.png", "b.png", method=Known(), anchor="bottom", at="40%,95%", fit="height=60%", rotate=-8,
        flip="horizontal",
    )  # fmt: skip
    assert np.array_equal(read_image("out.png").pixels, by_hand.pixels)
    assert run(*words.split(), "--center", "--scale", "0.5", "--overwrite") == 0
    centred = sshbench.harmonize("cut.png", "b.png", method=Known(), center=True, scale=0.5)
    assert np.array_equal(read_image("out.png").pixels, centred.pixels)


def test_lightness_and_colour() -> None:
    words = "--composite f.png --mask m.png --method known.py -o out.png --lightness 1.5 --colour 0.5"
    assert run(*words.split()) == 0
    by_hand = sshbench.harmonize(F, None, M, method=Known(), lightness=1.5, colour=0.5)
    assert np.array_equal(read_image("out.png").pixels, by_hand.pixels)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--strength 2.5", "2.5 is not in the range 0<=x<=2"),
        ("--colour -1", "-1.0 is not in the range 0<=x<=2"),
        ("--map none --lightness 2", "cannot be extrapolated"),
    ],
)
def test_other_strengths(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*f"--composite f.png --mask m.png --method known.py -o out.png {words}".split()) == 2
    assert said in capsys.readouterr().err
    assert not Path("out.png").exists()


def test_folders_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--foreground",
        "cut",
        "--background",
        "rooms",
        "--method",
        "known.py",
        "-o",
        "out",
        "--export-lut",
        "luts",
    ]
    assert run(*words, "--preview", "both") == 0
    assert capsys.readouterr().out.endswith("2 pictures in out\n")
    for number in "12":
        assert np.array_equal(read_image(f"out/{number}.png").pixels, expected())
        assert Path(f"luts/{number}.cube").is_file()
        assert Path(f"both/{number}.png").is_file()
    assert run(*words) == 2
    assert "; add --overwrite or --skip-existing" in capsys.readouterr().err
    Path("out/2.png").unlink()
    assert run(*words, "--skip-existing") == 0
    assert capsys.readouterr().out.endswith("1 picture in out (1 already there)\n")


def test_what_a_kill_left_out_is_made_and_what_is_there_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--foreground cut --background rooms --method known.py -o out --export-lut luts --preview both"
    assert run(*words.split()) == 0
    whole = {path: path.read_bytes() for folder in ("out", "luts", "both") for path in Path(folder).iterdir()}
    for missing in (["luts/1.cube", "both/1.png"], ["both/2.png"], ["out/1.png", "luts/2.cube"], []):
        times = {path: path.stat().st_mtime_ns for path in whole}
        for name in missing:
            Path(name).unlink()
        capsys.readouterr()
        assert run(*words.split(), "--skip-existing") == 0
        made = len({Path(name).stem for name in missing})
        assert f"{made} picture{'' if made == 1 else 's'} in out" in capsys.readouterr().out
        assert {path: path.read_bytes() for path in whole} == whole
        assert {str(path) for path in whole if path.stat().st_mtime_ns != times[path]} == set(missing)


def test_a_single_picture_goes_on_too(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--foreground cut.png --background b.png --method known.py -o out.png --preview both.png --skip-existing"
    assert run(*words.split()) == 0
    before = Path("out.png").stat().st_mtime_ns
    Path("both.png").unlink()
    assert run(*words.split()) == 0
    assert Path("both.png").is_file()
    assert Path("out.png").stat().st_mtime_ns == before
    assert run(*words.split(), "--quiet") == 0
    assert capsys.readouterr().out.count("\n") == 2


def test_a_pipe_is_no_file_that_exists() -> None:
    os.mkfifo("pipe.png")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe.png").read_bytes()))
    reader.start()
    words = "--foreground cut.png --background b.png --method known.py -o pipe.png"
    assert run(*words.split()) == 0
    reader.join(30)
    Path("read.png").write_bytes(read[0])
    assert np.array_equal(read_image("read.png").pixels, expected())
    assert Path("pipe.png").is_fifo()


def test_one_background_for_all_and_a_file_that_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cut/1.png").write_bytes(b"\x89PNG nothing")
    words = "--foreground cut --background b.png --method known.py -o out"
    assert run(*words.split()) == 2
    said = capsys.readouterr()
    assert "cut/1.png" in said.err
    assert said.out.endswith("1 picture in out (1 failed)\n")
    assert np.array_equal(read_image("out/2.png").pixels, expected())


def test_the_default_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--foreground f.png --background b.png --mask m.png -o out.png"
    assert run(*words.split()) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("Method: ")
    assert first.endswith(".")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--foreground f.png -o o.png", "--background is missing"),
        ("--background f.png -o o.png", "--foreground is missing"),
        ("--composite f.png -o o.png", "--composite needs --mask"),
        ("--composite f.png --background b.png --mask m.png -o o.png", "not both"),
        (
            "--foreground f.png --background b.png -o o.png",
            "f.png has no transparency to use as a mask; give a mask (--mask)",
        ),
        ("--composite f.png --mask m.png -o o.png --lut-space srgb", "--lut-space needs --export-lut"),
        ("--foreground f.png --background rooms -o o.png", "--background rooms is a folder, but f.png is one file"),
        ("--foreground cut --background masks --mask rooms -o cut", "would overwrite the input"),
        ("--foreground cut.png --background b.png -o cut.png", "would overwrite the input cut.png"),
        ("--foreground cut.png --background b.png -o out.bmp", "has the suffix '.bmp'"),
        (
            "--foreground cut.png --background b.png -o o.png --preview p.jpg",
            "must be a PNG file; give it the suffix .png",
        ),
        ("--foreground cut.png --background b.png -o o.png --preview ./o.png", "would be written twice"),
        ("--foreground cut --background rooms -o o.png --preview o.png", "would be written twice"),
        (
            "--foreground cut.png --background b.png -o o.png --export-lut l.txt",
            "must be a .cube file; give it the suffix .cube",
        ),
        (
            "--foreground cut.png --background b.png -o o.png --map none --export-lut l.cube",
            "there is no LUT to export",
        ),
        ("--foreground cut.png --background b.png -o o.png --at 3", "'3' is not x,y in pixels or per cent"),
        ("--foreground cut.png --background b.png -o o.png --method nothing", "there is no method 'nothing'"),
        ("--foreground cut.png --background b.png -o o.png --reference 0,0,0,9", "give x,y,w,h inside it"),
        ("--foreground gone.png --background b.png -o o.png", "gone.png"),
        ("--foreground rooms --background cut --mask empty -o out", "empty"),
    ],
)
def test_what_is_refused(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert run(*words.split(), *([] if "--method" in words else ["--method", "known.py"])) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not Path("o.png").exists()


def test_folders_pair_names_in_either_form_of_unicode(tmp_path: Path) -> None:
    for folder, name in (("front", "cafe\u0301.png"), ("mask", "caf\u00e9.png"), ("behind", "caf\u00e9.jpg")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / folder / name)
    places = [str(tmp_path / folder) for folder in ("front", "behind", "mask", "out")]
    sources = dict(zip(("foreground", "background", "mask"), places[:3], strict=True))
    (job,) = plan(object(), sources, places[3])  # type: ignore[arg-type]
    assert job.background == tmp_path / "behind" / "caf\u00e9.jpg"
    assert job.mask == tmp_path / "mask" / "caf\u00e9.png"


def test_colour_sliders_come_after_the_map() -> None:
    from sshbench.compositing import Finish

    words = ("--foreground", "f.png", "--background", "b.png", "--mask", "m.png", "--method", "known.py:Known")
    assert run(*words, "--exposure", "-0.5", "--temperature", "30", "-o", "out.png", "--export-lut", "out.cube") == 0
    finish = Finish(exposure=-0.5, temperature=30)
    result = sshbench.harmonize(F, B, M, method=Known(), finish=finish)
    assert np.array_equal(read_image("out.png").pixels, result.pixels)
    assert read_lut("out.cube").values == pytest.approx(result.lut().values, abs=1e-6)


def test_a_slider_out_of_range_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--foreground", "f.png", "--background", "b.png", "--mask", "m.png", "--method", "known.py:Known")
    assert run(*words, "--exposure", "9", "-o", "out.png") == 2
    assert "exposure: input should be less than or equal to 3, not 9" in capsys.readouterr().err
    assert not Path("out.png").exists()


def test_a_mask_may_be_found() -> None:
    pytest.importorskip("cv2")
    words = ("--foreground", "f.png", "--background", "b.png", "--method", "known.py:Known", "-o", "out.png")
    assert run(*words, "--mask", "grabcut:60,40,180,130") == 0
    changed = (read_image("out.png").pixels != B).any(axis=2)
    assert changed.any()
    assert not changed[:30].any()
    assert run(*words, "--mask", "auto:dog", "--overwrite") == 2
