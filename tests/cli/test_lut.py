"""`sshbench lut ...`, checked against scipy's interpolation, Pillow, tifffile and colour-science."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner, Result
from PIL import Image, ImageCms
from scipy.interpolate import RegularGridInterpolator

from sshbench.cli.main import cli
from sshbench.folders import data_folder
from sshbench.images.files import ImageFile, write_image
from sshbench.images.reading import read_image
from sshbench.lut.cube import read_cube, write_cube
from sshbench.lut.kernels import cpu
from sshbench.lut.table import Domain, Lut, identity_table

RNG = np.random.default_rng(7)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def run(*words: Any) -> Result:
    """In this process; the result's exit code is click's own, without what `main` makes of errors."""
    return CliRunner().invoke(cli, [str(word) for word in words])


def shell(*words: Any, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sshbench", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def curved(size: int = 9, domain: Domain = Domain()) -> Lut:
    """A look whose channels depend on each other."""
    r, g, b = np.moveaxis(identity_table(size).astype(np.float64), -1, 0)
    values = np.stack([r**0.7 * (0.8 + 0.2 * g), 0.1 + 0.85 * g * (1 - 0.2 * b), b**1.3 * 0.9 + 0.05 * r], axis=-1)
    return Lut(values=values.astype(np.float32), domain=domain, title="Curved")


def through(lut: Lut, colours: Any) -> Any:
    """Float64 oracle for a 3D LUT."""
    assert lut.values is not None
    axes = [np.linspace(lo, up, lut.size) for lo, up in zip(lut.domain.lower, lut.domain.upper, strict=True)]
    clamped = np.clip(colours, lut.domain.lower, lut.domain.upper)
    return RegularGridInterpolator(axes, lut.values.transpose(2, 1, 0, 3).astype(np.float64))(clamped)


def noise(dtype: type, *shape: int) -> Any:
    return RNG.integers(0, np.iinfo(dtype).max + 1, shape, dtype)


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    write_cube(curved(), tmp_path / "curved.cube")
    return tmp_path / "curved.cube"


class TestInfo:
    def test_one_file(self, cube: Path) -> None:
        output = run("lut", "info", cube).output
        fields = dict(line.split(maxsplit=1) for line in output.splitlines())
        assert fields["title"] == "Curved"
        assert fields["kind"] == "3d"
        assert fields["size"] == "9^3"
        assert fields["domain"] == "0..1"
        assert fields["monotone"] == "yes"

    def test_strength_is_the_mean_ciede2000_of_colour_science(self, cube: Path) -> None:
        import colour

        grid = identity_table(17).reshape(-1, 3).astype(np.float64)
        white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
        before, after = (
            colour.XYZ_to_Lab(colour.sRGB_to_XYZ(colours), white) for colours in (grid, through(curved(), grid))
        )
        expected = colour.delta_E(before, after, method="CIE 2000").mean()
        (report,) = json.loads(run("lut", "info", "--json", cube).output)
        assert report["strength"] == pytest.approx(expected, abs=2e-3)

    def test_json_holds_the_table_to_the_bit(self, cube: Path) -> None:
        (report,) = json.loads(run("lut", "info", "--table", cube).output)
        np.testing.assert_array_equal(np.array(report["table"], np.float32), curved().values)
        assert report["shaper"] is None
        assert report["range"]["upper"] == pytest.approx(curved().values.reshape(-1, 3).max(0).tolist())

    @pytest.mark.parametrize("kind", ["1d", "3d", "shaper+3d"])
    def test_every_kind_and_domain(self, tmp_path: Path, kind: str) -> None:
        domain = Domain((0.0,) * 3, (2.0,) * 3)
        ramp = np.linspace(0, 1, 20, dtype=np.float32)[:, None].repeat(3, 1)
        values = identity_table(4) if "3d" in kind else None
        lut = Lut(
            values=values,
            shaper_values=None if kind == "3d" else ramp,
            domain=domain if kind == "3d" else Domain(),
            shaper_domain=Domain() if kind == "3d" else domain,
        )
        write_cube(lut, tmp_path / "a.cube")
        (report,) = json.loads(run("lut", "info", "--json", tmp_path / "a.cube").output)
        assert report["kind"] == kind
        assert report["domain"] == {"lower": [0] * 3, "upper": [2] * 3}
        assert report["shaper_size"] == (None if kind == "3d" else 20)
        assert report["monotone"]

    def test_order_that_is_broken(self, tmp_path: Path) -> None:
        negative = Lut(values=(1 - identity_table(5)).astype(np.float32))
        write_cube(negative, tmp_path / "negative.cube")
        swapped = Lut(values=np.ascontiguousarray(identity_table(5)[..., ::-1]))
        write_cube(swapped, tmp_path / "swapped.cube")
        reports = json.loads(run("lut", "info", "--json", tmp_path).output)
        assert [(r["monotone"], r["grey_order"]) for r in reports] == [(False, False), (True, True)]

    def test_folders_patterns_and_looks_make_a_table(self, cube: Path) -> None:
        (cube.parent / "more").mkdir()
        write_cube(curved(5), cube.parent / "more" / "b.cube")
        for words in ([cube.parent], [cube.parent / "**" / "*.cube"], [cube, cube.parent / "more"]):
            lines = run("lut", "info", *words).output.splitlines()
            assert lines[0].split()[:3] == ["file", "kind", "size"]
            assert sorted(line.split()[2] for line in lines[1:]) == ["5^3", "9^3"]
            assert len({line.index("3d") for line in lines[1:]}) == 1, "columns are aligned"
        assert len(json.loads(run("lut", "info", "--json", "looks").output)) == 100

    @pytest.mark.parametrize("name", ["golden-hour", "Golden Hour", "golden_hour"])
    def test_looks_by_name(self, name: str) -> None:
        (report,) = json.loads(run("lut", "info", "--json", name).output)
        assert Path(report["file"]) == data_folder("luts") / "golden-hour.cube"

    def test_misspelt_look(self) -> None:
        result = shell("lut", "info", "goldn-hour")
        assert result.returncode == 2
        assert "did you mean 'golden-hour'" in result.stderr

    def test_a_bad_file_does_not_hide_the_others(self, cube: Path) -> None:
        (cube.parent / "bad.cube").write_text("LUT_3D_SIZE 2\n0 0 nan\n")
        result = shell("lut", "info", cube.parent, "no-such-look", cube.parent / "none.cube")
        assert result.returncode == 2
        assert len(result.stderr.splitlines()) == 3
        assert "bad.cube, line 2" in result.stderr
        assert "Curved" in result.stdout


class TestApply:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_pixels_are_those_of_the_oracle(self, tmp_path: Path, cube: Path, dtype: type, suffix: str) -> None:
        samples, top = noise(dtype, 40, 33, 4), np.iinfo(dtype).max
        write_image(tmp_path / f"in{suffix}", ImageFile(samples[..., :3], samples[..., 3], icc=ICC))
        result = run("lut", "apply", tmp_path / f"in{suffix}", cube, "-o", tmp_path / f"out{suffix}")
        assert result.exit_code == 0
        assert result.output.strip() == f"1 image written to {tmp_path / f'out{suffix}'}"
        if dtype is np.uint8:
            seen = np.asarray(Image.open(tmp_path / f"out{suffix}"))
        elif suffix == ".tif":
            seen = tifffile.imread(tmp_path / "out.tif")
        else:
            image = read_image(tmp_path / "out.png")  # test_imagefile.py checks it against the PNG specification
            seen = np.dstack([image.pixels, image.alpha])
        np.testing.assert_array_equal(seen[..., 3], samples[..., 3])
        expected = through(curved(), samples[..., :3] / top) * top
        assert np.abs(seen[..., :3] - expected).max() <= (0.505 if dtype is np.uint8 else 0.75)
        with Image.open(tmp_path / f"out{suffix}") as opened:
            assert opened.info["icc_profile"] == ICC

    def test_strength_blends_with_the_input(self, tmp_path: Path, cube: Path) -> None:
        samples = noise(np.uint8, 30, 30, 3)
        Image.fromarray(samples).save(tmp_path / "in.png")
        run("lut", "apply", tmp_path / "in.png", cube, "-o", tmp_path / "out.png", "--strength", 0.25)
        expected = samples + 0.25 * (through(curved(), samples / 255) * 255 - samples)
        assert np.abs(np.asarray(Image.open(tmp_path / "out.png")) - expected).max() <= 0.51

    def test_tetrahedral_is_another_function_and_equal_on_greys(self, tmp_path: Path, cube: Path) -> None:
        samples = noise(np.uint8, 30, 30, 3)
        samples[0] = samples[0, :, :1]
        Image.fromarray(samples).save(tmp_path / "in.png")
        for name in ("trilinear", "tetrahedral"):
            run("lut", "apply", tmp_path / "in.png", cube, "-o", tmp_path / f"{name}.png", "--interpolation", name)
        one, other = (np.asarray(Image.open(tmp_path / f"{n}.png")).astype(int) for n in ("trilinear", "tetrahedral"))
        assert (one != other).any()
        assert np.abs(one - other).max() < 8

    def test_grey_becomes_rgb(self, tmp_path: Path, cube: Path) -> None:
        grey = noise(np.uint8, 20, 20)
        Image.fromarray(grey).save(tmp_path / "in.png")
        run("lut", "apply", tmp_path / "in.png", cube, "-o", tmp_path / "out.png")
        expected = through(curved(), grey[..., None].repeat(3, -1) / 255) * 255
        assert np.abs(np.asarray(Image.open(tmp_path / "out.png")) - expected).max() <= 0.505

    def test_16_bits_into_jpeg_are_rounded_and_it_is_said(self, tmp_path: Path, cube: Path) -> None:
        write_image(tmp_path / "in.png", ImageFile(noise(np.uint16, 20, 20, 3)))
        result = run("lut", "apply", tmp_path / "in.png", cube, "-o", tmp_path / "out.jpg")
        assert "rounded from 16 to the 8 bits per channel of JPEG" in result.output
        assert Image.open(tmp_path / "out.jpg").mode == "RGB"

    def test_exif_stays_without_the_thumbnail(self, tmp_path: Path, cube: Path) -> None:
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = 8, "Maker"
        Image.fromarray(noise(np.uint8, 20, 40, 3)).save(tmp_path / "in.jpg", exif=exif)
        run("lut", "apply", tmp_path / "in.jpg", cube, "-o", tmp_path / "out.jpg")
        with Image.open(tmp_path / "out.jpg") as image:
            assert image.size == (40, 20)
            assert dict(image.getexif()) == dict(exif)

    def test_quality(self, tmp_path: Path, cube: Path) -> None:
        Image.fromarray(noise(np.uint8, 64, 64, 3)).save(tmp_path / "in.png")
        for quality in (20, 95):
            run("lut", "apply", tmp_path / "in.png", cube, "-o", tmp_path / f"{quality}.jpg", "--quality", quality)
        assert (tmp_path / "20.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size / 2


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three images, one of them in a folder, with what is no image beside them."""
    folder = tmp_path / "photos"
    (folder / "trip" / ".cache").mkdir(parents=True)
    for name in ("a.jpg", "b.png", "trip/c.tif", "trip/.cache/hidden.png"):
        Image.fromarray(noise(np.uint8, 16, 16, 3)).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    return folder


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class TestApplyToMany:
    def test_folder_paths_appear_again(self, photos: Path, cube: Path, tmp_path: Path) -> None:
        result = run("lut", "apply", photos, cube, "-o", tmp_path / "out")
        assert result.output.strip() == f"3 images written to {tmp_path / 'out'}"
        assert tree(tmp_path / "out") == {"a.jpg", "b.png", "trip/c.tif"}

    def test_pattern_and_files(self, photos: Path, cube: Path, tmp_path: Path) -> None:
        run("lut", "apply", photos / "**" / "*.*", cube, "-o", tmp_path / "one")
        assert tree(tmp_path / "one") == {"a.jpg", "b.png", "trip/c.tif"}
        run("lut", "apply", photos / "a.jpg", photos / "trip" / "c.tif", cube, "-o", tmp_path / "two")
        assert tree(tmp_path / "two") == {"a.jpg", "c.tif"}

    def test_output_inside_the_input_is_not_taken_for_input(self, photos: Path, cube: Path) -> None:
        for policy in ((), ("--skip-existing",), ("--overwrite",)):
            assert run("lut", "apply", photos, cube, "-o", photos / "out", *policy).exit_code == 0
        assert {name for name in tree(photos) if name.startswith("out")} == {"out/a.jpg", "out/b.png", "out/trip/c.tif"}

    def test_bad_images_are_listed_and_the_rest_done(self, photos: Path, cube: Path, tmp_path: Path) -> None:
        (photos / "bad.png").write_bytes((photos / "b.png").read_bytes()[:200])
        (photos / "cmyk.jpg").touch()
        result = shell("lut", "apply", photos, cube, "-o", tmp_path / "out")
        assert result.returncode == 2
        assert result.stdout.strip() == f"3 images written to {tmp_path / 'out'} (2 failed)"
        assert [line.split(": ")[1] for line in result.stderr.splitlines()] == [
            str(photos / "bad.png"),
            str(photos / "cmyk.jpg"),
        ]
        assert tree(tmp_path / "out") == {"a.jpg", "b.png", "trip/c.tif"}

    def test_existing_files_need_a_policy(self, photos: Path, cube: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        (out / "trip").mkdir(parents=True)
        (out / "trip" / "c.tif").write_bytes(b"mine")
        result = shell("lut", "apply", photos, cube, "-o", out)
        assert result.returncode == 2
        assert "c.tif already exists; add --overwrite or --skip-existing" in result.stderr
        assert tree(out) == {"trip/c.tif"}

        result = run("lut", "apply", photos, cube, "-o", out, "--skip-existing")
        assert result.output.strip() == f"2 images written to {out} (1 already there)"
        assert (out / "trip" / "c.tif").read_bytes() == b"mine"

        result = run("lut", "apply", photos, cube, "-o", out, "--overwrite")
        assert result.output.strip() == f"3 images written to {out}"
        assert (out / "trip" / "c.tif").read_bytes() != b"mine"

    @pytest.mark.parametrize("policy", [(), ("--overwrite",), ("--skip-existing",)])
    def test_an_input_is_never_overwritten(self, photos: Path, cube: Path, policy: tuple[str, ...]) -> None:
        before = {name: (photos / name).read_bytes() for name in tree(photos)}
        (photos.parent / "link").symlink_to(photos)
        for words in (
            [photos / "a.jpg", cube, "-o", photos / "a.jpg"],
            [photos / "a.jpg", cube, "-o", photos],
            [photos, cube, "-o", photos],
            [photos, cube, "-o", photos.parent / "link"],
        ):
            result = shell("lut", "apply", *words, *policy)
            assert result.returncode == 2
            assert result.stderr.count("\n") == 1
        assert {name: (photos / name).read_bytes() for name in tree(photos)} == before

    def test_two_images_that_become_one_file(self, photos: Path, cube: Path, tmp_path: Path) -> None:
        (photos / "trip" / "a.jpg").write_bytes((photos / "a.jpg").read_bytes())
        result = shell("lut", "apply", photos / "a.jpg", photos / "trip" / "a.jpg", cube, "-o", tmp_path / "out")
        assert result.returncode == 2
        assert "would both be written to" in result.stderr
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        ("output", "reason"), [("out.jpg", "is one file, but there are 3 images"), ("out.gif", "3 images written")]
    )
    def test_a_file_name_for_several(self, photos: Path, cube: Path, tmp_path: Path, output: str, reason: str) -> None:
        result = shell("lut", "apply", photos, cube, "-o", tmp_path / output)
        assert reason in result.stderr + result.stdout

    def test_an_interrupted_run_goes_on_where_it_stopped(self, cube: Path, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        for i in range(40):
            write_image(tmp_path / "in" / f"{i:02}.png", ImageFile(noise(np.uint16, 200, 300, 3)))
        out = tmp_path / "out"
        words = ["lut", "apply", str(tmp_path / "in"), str(cube), "-o", str(out), "--jobs", "1"]
        with subprocess.Popen([sys.executable, "-m", "sshbench", *words], stderr=subprocess.PIPE) as process:
            while not (out.exists() and any(out.glob("[0-9]*.png"))):
                assert process.poll() is None
                time.sleep(0.005)
            process.send_signal(signal.SIGINT)
            assert process.wait() == 130
        assert set(tree(out)) < {f"{i:02}.png" for i in range(40)}, "whole files and nothing else"
        made = len(tree(out))
        result = run(*words, "--skip-existing")
        assert result.output.strip() == f"{40 - made} images written to {out} ({made} already there)"
        run("lut", "apply", tmp_path / "in", cube, "-o", tmp_path / "again")
        for name in tree(tmp_path / "again"):
            assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()

    def test_nothing_to_do(self, cube: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        for source in (tmp_path / "empty", tmp_path / "*.jpg"):
            result = shell("lut", "apply", source, cube, "-o", tmp_path / "out")
            assert result.returncode == 2
            assert "contains no PNG, TIFF, JPEG or WebP image" in result.stderr

    def test_a_bar_shows_rate_and_time_left_on_a_terminal(self, photos: Path, cube: Path, tmp_path: Path) -> None:
        command = shlex.join([sys.executable, "-m", "sshbench", "lut", "apply", str(photos), str(cube)])
        script = f"stty rows 30 cols 100; {command} -o '{tmp_path / 'out'}'"
        terminal = f"import pty, sys; pty.spawn(['sh', '-c', {script!r}])"
        result = subprocess.run(
            [sys.executable, "-c", terminal], capture_output=True, check=True, stdin=subprocess.DEVNULL
        )
        assert re.search(rb"3/3 \[\d\d:\d\d<\d\d:\d\d, .*image/s\]", result.stdout)


class TestConvert:
    def test_hald_and_back_is_within_half_a_code(self, tmp_path: Path) -> None:
        write_cube(curved(16), tmp_path / "a.cube")
        assert run("lut", "convert", tmp_path / "a.cube", tmp_path / "b.png").exit_code == 0
        assert Image.open(tmp_path / "b.png").size == (64, 64)
        assert run("lut", "convert", tmp_path / "b.png", tmp_path / "c.cube").exit_code == 0
        np.testing.assert_allclose(read_cube(tmp_path / "c.cube").values, curved(16).values, atol=0.5 / 65535 + 1e-7)

    def test_resized_table_is_the_interpolated_one(self, tmp_path: Path, cube: Path) -> None:
        result = run("lut", "convert", cube, tmp_path / "b.cube", "--size", 12)
        grid = identity_table(12)
        np.testing.assert_allclose(read_cube(tmp_path / "b.cube").values, through(curved(), grid), atol=2e-6)
        # The largest difference, found again with the oracle at the points of the old table and at random.
        probes = np.concatenate([identity_table(9).reshape(-1, 3), RNG.random((20000, 3))])
        small = read_cube(tmp_path / "b.cube")
        expected = np.abs(through(curved(), probes) - through(small, probes)).max()
        assert float(result.output.split()[-1]) == pytest.approx(expected, rel=0.05)

    def test_a_finer_grid_that_holds_the_old_one_loses_nothing(self, tmp_path: Path, cube: Path) -> None:
        result = run("lut", "convert", cube, tmp_path / "b.cube", "--size", 17)
        assert float(result.output.split()[-1]) < 1e-6

    def test_domain_is_kept(self, tmp_path: Path) -> None:
        domain = Domain((-0.5, 0.0, 0.0), (2.0, 1.5, 1.0))
        write_cube(curved(8, domain), tmp_path / "a.cube")
        run("lut", "convert", tmp_path / "a.cube", tmp_path / "b.cube", "--size", 15)
        seen = read_cube(tmp_path / "b.cube")
        assert seen.domain == domain
        np.testing.assert_allclose(
            seen.values, through(curved(8, domain), identity_table(15, domain).astype(np.float64)), atol=2e-6
        )

    def test_curves_stay_curves(self, tmp_path: Path) -> None:
        curve = np.linspace(0, 1, 33, dtype=np.float32)[:, None] ** np.array([0.5, 1, 2], np.float32)
        write_cube(Lut(shaper_values=curve), tmp_path / "a.cube")
        run("lut", "convert", tmp_path / "a.cube", tmp_path / "b.cube", "--size", 100)
        seen = read_cube(tmp_path / "b.cube")
        assert seen.kind == "1d"
        x = np.linspace(0, 1, 100)
        expected = np.stack([np.interp(x, np.linspace(0, 1, 33), curve[:, c]) for c in range(3)], axis=1)
        np.testing.assert_allclose(seen.shaper_values, expected, atol=1e-6)

    def test_shaper_and_table_into_hald(self, tmp_path: Path) -> None:
        curve = np.sqrt(np.linspace(0, 1, 65, dtype=np.float32))[:, None].repeat(3, 1)
        write_cube(Lut(values=curved().values, shaper_values=curve), tmp_path / "a.cube")
        assert run("lut", "convert", tmp_path / "a.cube", tmp_path / "b.png", "--level", 5).exit_code == 0
        run("lut", "convert", tmp_path / "b.png", tmp_path / "c.cube")
        grid = identity_table(25).astype(np.float64)
        shaped = np.interp(grid, np.linspace(0, 1, 65), curve[:, 0])
        np.testing.assert_allclose(
            read_cube(tmp_path / "c.cube").values, through(curved(), shaped), atol=0.5 / 65535 + 1e-6
        )

    def test_a_folder_that_is_not_there_is_named_as_given(self, cube: Path) -> None:
        result = shell("lut", "convert", cube, "none/b.cube", cwd=cube.parent)
        assert result.returncode == 2
        assert "none/b.cube is in a folder that does not exist" in result.stderr

    def test_what_a_hald_loses_is_one_sentence(self, tmp_path: Path) -> None:
        write_cube(curved(4, Domain((0.0,) * 3, (2.0,) * 3)), tmp_path / "a.cube")
        result = shell("lut", "convert", tmp_path / "a.cube", tmp_path / "b.png")
        assert result.returncode == 0
        assert result.stderr.startswith("sshbench: warning: ")
        assert result.stderr.count("\n") == 1

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["b.txt"], "written as .cube, or as a Hald image"),
            (["b.cube", "--level", "4"], "are for Hald images"),
            (["b.png", "--size", "4"], "for a Hald image, use --level"),
            (["b.cube", "--size", "300"], "2 to 256"),
            (["curved.cube"], "add --overwrite"),
        ],
    )
    def test_refusals(self, cube: Path, words: list[str], reason: str) -> None:
        result = shell("lut", "convert", cube, *words, cwd=cube.parent)
        assert result.returncode == 2
        assert reason in result.stderr
        assert result.stderr.count("\n") == 1
        assert tree(cube.parent) == {"curved.cube"}


class TestPreviewAndBake:
    def test_contact_sheet(self, tmp_path: Path, cube: Path) -> None:
        pytest.importorskip("sshbench.lut.sheet")
        Image.fromarray(noise(np.uint8, 90, 120, 3)).save(tmp_path / "p.jpg")
        result = run("lut", "preview", cube, "golden-hour", "--photo", tmp_path / "p.jpg", "-o", tmp_path / "s.png")
        assert result.exit_code == 0
        with Image.open(tmp_path / "s.png") as sheet:
            assert min(sheet.size) > 100
        assert run("lut", "preview", "golden-hour", "-o", tmp_path / "t.png").exit_code == 0

    def test_bake_writes_what_is_shipped(self, tmp_path: Path) -> None:
        result = run("lut", "bake", "-o", tmp_path / "looks")
        assert result.output.strip() == f"100 looks written to {tmp_path / 'looks'}"
        for path in (tmp_path / "looks").glob("*.cube"):
            assert path.read_bytes() == (data_folder("luts") / path.name).read_bytes()


@pytest.mark.skipif(not cpu.available(), reason="sshbench was installed without its kernels, so torch computes")
@pytest.mark.parametrize("command", ["info", "apply", "convert"])
def test_numpy_commands_do_not_load_torch(command: str, tmp_path: Path, cube: Path) -> None:
    Image.fromarray(noise(np.uint8, 8, 8, 3)).save(tmp_path / "a.png")
    words = {
        "info": [cube],
        "apply": [tmp_path / "a.png", cube, "-o", tmp_path / "b.png"],
        "convert": [cube, tmp_path / "c.png"],
    }[command]
    code = (
        "import sys\nfrom sshbench.cli.main import cli\n"
        f"cli.main(['lut', {command!r}, *{[str(word) for word in words]!r}], standalone_mode=False)\n"
        "heavy = {'torch', 'colour', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_sheet_carries_the_profile_it_is_in(tmp_path: Path) -> None:
    from sshbench.images.profiles import srgb_profile
    from tests.images.made_profiles import profile

    pixels = np.full((60, 80, 3), (200, 60, 40), np.uint8)
    for name, icc in (("p3", profile("Display P3")), ("srgb", None)):
        write_image(tmp_path / f"{name}.png", ImageFile(pixels, icc=icc))
    p3, srgb, sheet = (str(tmp_path / f"{name}.png") for name in ("p3", "srgb", "sheet"))
    for photos, icc in (((p3,), profile("Display P3")), ((srgb,), srgb_profile()), ((p3, srgb), srgb_profile())):
        given = [part for photo in photos for part in ("--photo", photo)]
        found = CliRunner().invoke(cli, ["lut", "preview", "golden-hour", "-o", sheet, *given])
        assert found.exit_code == 0, found.output
        assert read_image(sheet).icc == icc
    tiles = read_image(sheet).pixels[10:60]
    assert np.abs(tiles[:, 10].astype(int) - tiles[:, 120]).max() > 10  # the P3 colour is another one in sRGB
    assert np.abs(tiles[:, 120].astype(int) - pixels[0, 0]).max() <= 1
