"""What runs where a library is missing gives what the library gives: renderer, blur, JPEG."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from datasets.images import decode, jpeg
from datasets.synthwalk import presets, write
from datasets.synthwalk.renderer import frames, numba_cache, plain, tracklet
from datasets.synthwalk.renderer.blur import gaussian_blur
from datasets.synthwalk.world import population


@pytest.mark.parametrize(("size", "style", "seed"), [((48, 24), "street", 103), ((64, 32), "hall", 104)])
def test_plain_frames_are_the_compiled_ones(monkeypatch, size, style, seed):
    """Frames, twins and both masks, of people in front, people behind, things, bags and skirts."""
    world = presets.preset(
        "tiny", seed=seed, height=size[0], width=size[1], style=style, occluded_share=0.8, crowd_share=0.5
    )
    studio, tracks = tracklet.open_studio(world), population.populate(world).tracks
    pixels = wrong = 0
    kinds: set[int] = set()
    for track in tracks[::5]:
        compiled = tracklet.take(studio, track)
        with monkeypatch.context() as patch:
            patch.setattr(numba_cache, "AVAILABLE", False)
            ours = tracklet.take(studio, track)
        for name in ("frames", "twins"):
            apart = np.abs(getattr(ours, name).astype(int) - getattr(compiled, name))
            assert apart.max() <= 1  # NumPy's sine and exponential may differ in the last bit
            pixels, wrong = pixels + apart.size, wrong + int((apart > 0).sum())
        for name in ("labels", "occluders", "touched"):
            assert (getattr(ours, name) != getattr(compiled, name)).mean() < 1e-4, name
        kinds |= set(np.unique(compiled.occluders).tolist())
    assert wrong <= 1e-4 * pixels
    assert len(kinds) > 2  # something of several kinds did stand in front


def test_the_two_renderers_take_the_same_arguments():
    compiled = frames.shoot.py_func.__code__
    count = plain.shoot.__code__.co_argcount
    assert plain.shoot.__code__.co_varnames[:count] == compiled.co_varnames[:count]


def test_processes_render_what_threads_do(monkeypatch, tmp_path):
    """Without Numba several processes work; a world is the same byte by byte however many there are."""
    world = presets.preset(
        "tiny", seed=105, height=32, width=16, train_ids=2, test_ids=2, distractors=1, junk=0, length_max=9
    )
    threads = write.render(world, tmp_path / "threads", workers=2, progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(numba_cache, "AVAILABLE", False)  # here; the processes compile, and so draw the same
        processes = write.render(world, tmp_path / "processes", workers=2, progress=False)
    for path in sorted(p for p in threads.rglob("*") if p.is_file()):
        assert (processes / path.relative_to(threads)).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize(
    ("shape", "sigmas"),
    [((40, 70, 3), (1.6, 0.7, 0.0)), ((9, 11), (1.6, 1.6)), ((5, 3), (4.0, 0.2)), ((300, 20, 3), (3.0, 1.2, 0.0))],
)
def test_the_blur_is_that_of_scipy(shape, sigmas):
    picture = np.random.default_rng(0).random(shape)
    np.testing.assert_array_equal(
        gaussian_blur(picture, sigmas), ndimage.gaussian_filter(picture, sigmas, mode="nearest")
    )


def test_pillow_stands_in_for_simplejpeg(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (40, 24, 3))
    ramp = np.linspace(0, 200, 40)[:, None, None] + 0.1 * noise
    pixels = np.broadcast_to(ramp, (40, 24, 3)).astype(np.uint8)
    by_simplejpeg = {chroma: jpeg.encode(pixels, 90, chroma) for chroma in ("420", "444")}
    decoded = {chroma: jpeg.decode(data) for chroma, data in by_simplejpeg.items()}
    monkeypatch.setattr(jpeg, "simplejpeg", None)
    assert jpeg.library().startswith("pillow ")
    assert decode.version() == jpeg.library()
    assert presets.encoder() == jpeg.library()
    for chroma, data in by_simplejpeg.items():
        assert jpeg.is_jpeg(data)
        np.testing.assert_array_equal(jpeg.decode(data), decoded[chroma])
        ours = jpeg.encode(pixels, 90, chroma)
        with Image.open(io.BytesIO(ours)) as image:
            assert image.layer[0][1:3] == ((2, 2) if chroma == "420" else (1, 1))
        lost = [np.abs(each.astype(int) - pixels).mean() for each in (jpeg.decode(ours), decoded[chroma])]
        assert lost[0] == pytest.approx(lost[1], rel=0.1)
    assert not jpeg.is_jpeg(b"\x89PNG")
    with pytest.raises((OSError, ValueError)):
        jpeg.decode(by_simplejpeg["420"][:200])
