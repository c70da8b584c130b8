import builtins

import numpy as np
import pytest
import torch

from sa_helpers import video

av = pytest.importorskip("av")


@pytest.fixture
def frames():
    """Ten frames that grow brighter, grey by grey."""
    greys = np.linspace(40, 220, 10).round().astype(np.uint8)
    return np.broadcast_to(greys[:, None, None, None], (10, 32, 48, 3)).copy()


def decode(path):
    with av.open(path) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_a_video_is_read_back_as_it_was_written(frames, tmp_path):
    path = video.write_video(tmp_path / "morph.mp4", frames)
    decoded = decode(path)
    assert decoded.shape == frames.shape
    assert np.abs(decoded.astype(int) - frames).max() <= 6


def test_tensors_are_written_as_the_bytes_that_they_stand_for(frames, tmp_path):
    tensor = torch.from_numpy(frames).permute(0, 3, 1, 2) / 127.5 - 1
    paths = [
        video.write_video(tmp_path / name, given)
        for name, given in {"bytes.mp4": frames, "tensor.mp4": tensor}.items()
    ]
    np.testing.assert_array_equal(*map(decode, paths))


def test_it_plays_as_fast_as_asked_and_everywhere(frames, tmp_path):
    path = video.write_video(tmp_path / "morph.mp4", frames, frames_per_sec=12)
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 12
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")


def test_there_and_back_repeats_no_end(frames, tmp_path):
    path = video.write_video(tmp_path / "loop.mp4", frames, there_and_back=True)
    decoded = decode(path).astype(int)
    assert len(decoded) == 18
    assert np.abs(decoded[10] - decoded[8]).max() <= 6


def test_odd_sides_gain_a_row_and_a_column(frames, tmp_path):
    path = video.write_video(tmp_path / "odd.mp4", frames[:, :31, :47])
    assert decode(path).shape == (10, 32, 48, 3)


@pytest.mark.parametrize("name", ["morph.gif", "morph"])
def test_only_mp4_is_written(frames, tmp_path, name):
    with pytest.raises(ValueError, match=r"expected \.mp4"):
        video.write_video(tmp_path / name, frames)


@pytest.mark.parametrize("shape", [(0, 32, 32, 3), (2, 8, 32, 3)])
def test_nothing_to_see_is_refused(tmp_path, shape):
    with pytest.raises(ValueError, match="at least one, of 16 px"):
        video.write_video(tmp_path / "morph.mp4", np.zeros(shape, np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_without_pyav_the_remedy_is_named(frames, tmp_path, monkeypatch):
    original = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "av":
            raise ModuleNotFoundError("No module named 'av'")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ModuleNotFoundError, match="pip install av"):
        video.write_video(tmp_path / "morph.mp4", frames)
    assert list(tmp_path.iterdir()) == []
