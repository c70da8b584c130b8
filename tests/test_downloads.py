"""Downloads and listed families, against a local web server."""

import errno
import hashlib
import io
import socket
from pathlib import Path

import pytest
import torch
from published_files import make_pair, nvidia_pickle
from web_server import Site, serving

from sa_helpers import family
from sa_helpers.checkpoints import CheckpointError, save_model
from sa_helpers.commands import main
from sa_helpers.family import DownloadError, download

PAGE = b"<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title></html>"


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with serving() as site:
        yield site


@pytest.fixture
def content(tmp_path) -> bytes:
    path = nvidia_pickle(tmp_path / "made.pkl", make_pair(8)[0])
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / "model.pkl"


def names(target) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_a_file_arrives_and_its_hash_is_noted(site, content, target):
    site.files["/model.pkl"] = content
    assert download(f"{site.address}/model.pkl", target) == target
    assert target.read_bytes() == content
    digest = hashlib.sha256(content).hexdigest()
    assert target.with_name("model.pkl.sha256").read_text() == f"{digest}  model.pkl\n"
    assert names(target) == ["model.pkl", "model.pkl.sha256"]


def test_a_file_that_is_there_is_checked_and_not_asked_for_again(site, content, target):
    site.files["/model.pkl"] = content
    download(f"{site.address}/model.pkl", target)
    download(f"{site.address}/model.pkl", target)
    assert len(site.requests) == 1
    target.write_bytes(content[:-1] + b"\0")
    with pytest.raises(DownloadError, match=r"SHA-256.*Delete it"):
        download(f"{site.address}/model.pkl", target)


def test_an_interrupted_download_goes_on_where_it_was(site, content, target):
    site.files["/model.pkl"], site.cut_after = content, 3000
    for _ in range(2):
        with pytest.raises(DownloadError, match="call again"):
            download(f"{site.address}/model.pkl", target)
    assert names(target) == ["model.pkl.part", "model.pkl.part.json"]
    site.cut_after = None
    download(f"{site.address}/model.pkl", target)
    assert target.read_bytes() == content
    assert [asked for _, asked in site.requests] == [None, "bytes=3000-", "bytes=6000-"]


def test_a_file_that_changed_meanwhile_is_begun_anew(site, content, target):
    site.files["/model.pkl"], site.cut_after = content, 3000
    with pytest.raises(DownloadError):
        download(f"{site.address}/model.pkl", target)
    site.files["/model.pkl"], site.cut_after = content + b"2", None
    download(f"{site.address}/model.pkl", target)
    assert target.read_bytes() == content + b"2"


def test_a_server_without_ranges_sends_all_of_it_again(site, content, target):
    site.files["/model.pkl"], site.cut_after, site.has_ranges = content, 3000, False
    with pytest.raises(DownloadError):
        download(f"{site.address}/model.pkl", target)
    site.cut_after = None
    download(f"{site.address}/model.pkl", target)
    assert target.read_bytes() == content


def test_a_server_that_answers_with_another_part_is_asked_for_all(site, content, target):
    site.files["/model.pkl"], site.cut_after, site.part_shift = content, 3000, 7
    with pytest.raises(DownloadError):
        download(f"{site.address}/model.pkl", target)
    site.cut_after = None
    download(f"{site.address}/model.pkl", target)
    assert target.read_bytes() == content
    assert site.requests[-1][1] is None


def test_a_server_that_sends_short_parts_is_asked_again(site, content, target):
    site.files["/model.pkl"], site.cut_after, site.part_limit = content, 3000, 1000
    with pytest.raises(DownloadError):
        download(f"{site.address}/model.pkl", target)
    site.cut_after = None
    with pytest.raises(DownloadError, match="call again"):
        download(f"{site.address}/model.pkl", target)
    assert not target.exists()
    site.part_limit = None
    download(f"{site.address}/model.pkl", target)
    assert target.read_bytes() == content


def test_more_bytes_than_expected_leave_nothing_to_go_on_with(site, content, target):
    site.files["/model.pkl"] = content
    for _ in range(2):
        with pytest.raises(DownloadError, match="more than the 3000 bytes"):
            download(f"{site.address}/model.pkl", target, num_bytes=3000)
        assert names(target) == []


def test_a_part_that_is_complete_already_does_no_harm(site, content, target):
    site.files["/model.pkl"], site.cut_after = content, 3000
    with pytest.raises(DownloadError):
        download(f"{site.address}/model.pkl", target)
    target.with_name("model.pkl.part").write_bytes(content)
    site.cut_after = None
    download(f"{site.address}/model.pkl", target)
    assert target.read_bytes() == content


def test_a_page_in_place_of_the_file_is_recognised_and_thrown_away(site, target):
    site.files["/model.pkl"] = PAGE
    with pytest.raises(DownloadError, match=r"web page.*Google Drive.*quota"):
        download(f"{site.address}/model.pkl", target)
    assert names(target) == []


@pytest.mark.parametrize("known", [{"sha256": "0" * 64}, {"num_bytes": 10}, {"num_bytes": 10**6}])
def test_another_file_than_published_is_refused(site, content, target, known):
    site.files["/model.pkl"] = content
    with pytest.raises(DownloadError, match=r"expected"):
        download(f"{site.address}/model.pkl", target, **known)
    assert not target.exists()


def test_later_downloads_have_to_match_the_first(site, content, target):
    site.files["/model.pkl"] = content
    download(f"{site.address}/model.pkl", target)
    target.unlink()
    site.files["/model.pkl"] = content[:-1] + b"\0."
    with pytest.raises(DownloadError, match="first download"):
        download(f"{site.address}/model.pkl", target)


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_refusals_are_told_with_another_way(site, target, status):
    site.status = status
    with pytest.raises(DownloadError, match=rf"answered {status}.*browser"):
        download(f"{site.address}/model.pkl", target)


def test_without_a_network_the_way_by_hand_is_told(target, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadError, match=r"cannot be reached.*put it at"):
        download(f"http://127.0.0.1:{port}/model.pkl", target)


def test_only_the_web_is_asked(target):
    with pytest.raises(DownloadError, match="neither http"):
        download("file:///etc/hosts", target)


LISTING = """
parent = "people"
near = "toon"
distant = "dog"

[models.people]
file = "people.pkl"
url = "{address}/people.pkl"
licence = "none, made up"

[models.toon]
file = "toon.pkl"
url = "{address}/toon.pkl"
parent = "people"
kimg = 32

[models.dog]
file = "dog.pkl"
page = "{address}/folder"
parent = "people"
"""


@pytest.fixture
def listed(site: Site, content, tmp_path, monkeypatch) -> family.Family:
    monkeypatch.setenv("SA_CACHE_DIR", str(tmp_path / "cache"))
    site.files |= {f"/{name}.pkl": content for name in ("people", "toon", "dog")}
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "family.toml").write_text(LISTING.format(address=site.address))
    return family.open_family(folder)


def test_a_listed_family_is_known_before_anything_is_downloaded(site, listed):
    assert listed.names == ("people", "toon", "dog")
    assert listed.child_names == ("toon", "dog")
    assert listed.near_and_distant == ("toon", "dog")
    assert listed["toon"].training_kimg == 32
    assert listed["dog"].training_kimg != listed["dog"].training_kimg  # not a number
    assert site.requests == []


def test_opening_downloads_nothing_and_says_how(site, listed):
    with pytest.raises(CheckpointError, match=r"not on this machine.*download\(\"people\"\)"):
        _ = listed.parent.generator
    with pytest.raises(CheckpointError, match=r"browser from .*/folder to .*dog\.pkl"):
        _ = listed["dog"].generator
    assert site.requests == []


def test_families_of_one_name_have_downloads_of_their_own(listed, tmp_path):
    other = tmp_path / "elsewhere" / "zoo"
    other.mkdir(parents=True)
    (other / "family.toml").write_text((tmp_path / "zoo" / "family.toml").read_text())
    assert family.open_family(other)["toon"].path != listed["toon"].path


def test_a_listed_model_that_lies_in_the_folder_is_opened_from_there(site, listed, tmp_path):
    made = make_pair(8)[0]
    save_model(tmp_path / "zoo" / "toon", made, record={"parent": None})
    again = family.open_family(tmp_path / "zoo")
    assert again["toon"].generator.config.img_resolution == 8
    assert site.requests == []


@pytest.mark.slow
def test_models_are_opened_once_they_are_there(site, listed):
    assert [path.name for path in listed.download()] == ["people.pkl", "toon.pkl"]
    assert listed.parent.generator.config.img_resolution == 8
    assert [kimg for kimg, _ in listed["toon"].stages] == [0, 32]
    with pytest.raises(DownloadError, match="browser"):
        listed.download("dog")
    listed["dog"].path.write_bytes(site.files["/dog.pkl"])
    assert listed.download("dog") == [listed["dog"].path]
    assert [kimg for kimg, _ in listed["dog"].stages] == [0, 1]


def test_the_command_line_lists_and_downloads(listed, capsys):
    assert main(["list"]) == 0
    assert capsys.readouterr().out.split() == ["clay", "photo"]
    assert main(["download", str(listed.folder), "people"]) == 0
    assert main(["list", str(listed.folder)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert any(row.startswith("people ") and " here " in row for row in rows)
    assert main(["download", str(listed.folder), "wolf"]) == 1
    assert '"wolf"' in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "[models.a]\nfile = '../a.pkl'\nurl = 'http://a'",
        "[models.a]\nurl = 'http://a'",
        "[models.a]\nfile = 'a.pkl'\nkimg = -1",
        "[models.a]\nfile = 'a.pkl'\nsize = 3",
        "models = 3",
        "father = 'a'",
        "[",
    ],
)
def test_damaged_listings_are_named(tmp_path, text):
    (tmp_path / "family.toml").write_text(text)
    with pytest.raises(ValueError, match=r"family\.toml"):
        family.open_family(tmp_path)


def test_the_photo_family_is_consistent_and_downloads_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("SA_CACHE_DIR", str(tmp_path))
    photo = family.open_family("photo")
    assert photo.parent.name == "ffhq"
    assert photo["metfaces"].parent is photo["ffhq-mirror"]
    assert {photo[f"afhq{kind}"].parent for kind in ("cat", "dog", "wild")} == {None}
    assert set(photo.near_and_distant) <= set(photo.child_names)
    for name, source in photo.listing.sources.items():
        assert source.is_remote, name
        assert source.licence, name
        assert source.url is None or source.url.startswith("https://"), name
        parent = (photo[name].record["parent"] or {}).get("name")
        assert parent is None or parent in photo
    assert list(tmp_path.iterdir()) == []


def test_two_children_are_ordered_by_how_far_they_moved(tmp_path):
    parent = make_pair(8)[0]
    save_model(tmp_path / "parent", parent, record={})
    for name, share in (("far", 0.5), ("close", 0.1), ("middle", 0.3)):
        child = make_pair(8)[0]
        torch.manual_seed(1)
        with torch.no_grad():
            for weight in child.parameters():
                weight.add_(torch.randn_like(weight), alpha=share)
        save_model(tmp_path / name, child, record={"parent": {"name": "parent"}})
    assert family.open_family(tmp_path).near_and_distant == ("close", "far")


def test_one_child_is_both_and_none_is_an_error(tmp_path):
    save_model(tmp_path / "parent", make_pair(8)[0], record={})
    with pytest.raises(ValueError, match="no children"):
        _ = family.open_family(tmp_path).near_and_distant
    save_model(tmp_path / "child", make_pair(8)[0], record={"parent": {"name": "parent"}})
    assert family.open_family(tmp_path).near_and_distant == ("child", "child")


class TestWhatIsNoCheckpoint:
    @pytest.mark.parametrize(
        "answer",
        [
            b'{"error": "quota exceeded"}',
            b"quota exceeded",
            b"<!-- a comment --><html></html>",
            b"\xef\xbb\xbf<html></html>",
            b"\x80",
            b"\x80\x02}.",
            b"PK\x03\x04" + bytes(100),
            b"\x93NUMPY" + bytes(100),
            b"\x08\0\0\0\0\0\0\0{}      ",
            bytes(1000),
            b"%PDF-1.7",
            b"\x1b[2J\x1b]0;title\x07",
        ],
    )
    def test_its_hash_is_not_pinned_and_the_right_file_may_come(
        self, site, content, target, answer
    ):
        site.files["/model.pkl"] = answer
        with pytest.raises(DownloadError, match="did not answer with a whole checkpoint") as caught:
            download(f"{site.address}/model.pkl", target)
        assert "\x1b" not in str(caught.value)
        assert names(target) == []
        site.files["/model.pkl"] = content
        assert download(f"{site.address}/model.pkl", target).read_bytes() == content

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
    def test_half_a_file_without_a_length_is_none(self, site, content, target, share):
        site.has_length = False
        site.files["/model.pkl"] = content[: int(share * len(content))]
        with pytest.raises(DownloadError, match="did not answer with a whole checkpoint"):
            download(f"{site.address}/model.pkl", target)
        assert names(target) == []
        site.files["/model.pkl"] = content
        assert download(f"{site.address}/model.pkl", target).read_bytes() == content

    def test_what_lies_there_by_hand_has_to_be_one(self, site, content, target):
        target.parent.mkdir()
        target.write_bytes(b"words")
        with pytest.raises(DownloadError, match="did not answer with a whole checkpoint"):
            download(f"{site.address}/model.pkl", target)
        target.write_bytes(content)
        assert download(f"{site.address}/model.pkl", target) == target
        assert site.requests == []

    def test_a_published_hash_is_enough(self, site, target):
        site.files["/model.pkl"] = b"something of tomorrow"
        digest = hashlib.sha256(b"something of tomorrow").hexdigest()
        download(f"{site.address}/model.pkl", target, sha256=digest.upper())
        assert names(target) == ["model.pkl"]


class TestRedirections:
    def test_from_the_web_to_the_web_they_are_followed(self, site, content, target):
        site.files["/model.pkl"] = content
        site.redirections["/old"] = f"{site.address}/model.pkl"
        assert download(f"{site.address}/old", target).read_bytes() == content

    @pytest.mark.parametrize(
        "aim", ["ftp://127.0.0.1/model.pkl", "file:///etc/hosts", "data:,words", "gopher://a/b"]
    )
    def test_elsewhere_they_are_not(self, site, target, aim):
        site.redirections["/old"] = aim
        with pytest.raises(DownloadError, match=aim[:4]):
            download(f"{site.address}/old", target)
        assert names(target) == []

    def test_a_circle_ends(self, site, target):
        site.redirections["/old"] = f"{site.address}/old"
        with pytest.raises(DownloadError, match="answered 302"):
            download(f"{site.address}/old", target)


class TestSideFiles:
    @pytest.mark.parametrize(
        "note", [b"", b"\n", b"abc  model.pkl", b"\xff" * 70, b"0" * 63, b"x" * 10**6, None]
    )
    def test_a_note_that_is_no_hash_is_named(self, site, content, target, note):
        site.files["/model.pkl"] = content
        path = target.with_name("model.pkl.sha256")
        path.parent.mkdir()
        path.mkdir() if note is None else path.write_bytes(note)
        for _ in range(2):
            with pytest.raises(DownloadError, match=r"model\.pkl\.sha256"):
                download(f"{site.address}/model.pkl", target)
        path.rmdir() if note is None else path.unlink()
        assert download(f"{site.address}/model.pkl", target).read_bytes() == content

    @pytest.mark.parametrize(
        "version",
        [
            b'{"version": "a\\r\\nHost: elsewhere"}',
            b'{"version": "\xc3\xa4\xe2\x82\xac"}',
            b'{"version": 3}',
            b'{"version": ""}',
            b'{"version": {}}',
            b'{"version": "' + b"x" * 10**6 + b'"}',
            b"[" * 100_000,
            b"",
            b"\xff",
            b"[]",
        ],
    )
    def test_an_odd_version_begins_anew(self, site, content, target, version):
        site.files["/model.pkl"], site.cut_after = content, 3000
        with pytest.raises(DownloadError):
            download(f"{site.address}/model.pkl", target)
        target.with_name("model.pkl.part.json").write_bytes(version)
        site.cut_after = None
        assert download(f"{site.address}/model.pkl", target).read_bytes() == content
        assert site.requests[-1][1] is None
        assert names(target) == ["model.pkl", "model.pkl.sha256"]

    @pytest.mark.parametrize("name", ["model.pkl", "model.pkl.part", "model.pkl.part.json"])
    def test_a_folder_in_the_way_is_named(self, site, content, target, name):
        site.files["/model.pkl"] = content
        (target.parent / name).mkdir(parents=True)
        with pytest.raises(DownloadError, match=rf"{name}'.*out of the way"):
            download(f"{site.address}/model.pkl", target)
        (target.parent / name).rmdir()
        assert download(f"{site.address}/model.pkl", target).read_bytes() == content

    def test_odd_lengths_do_no_harm(self, site, content, target):
        site.files["/model.pkl"], site.length = content, "many"
        assert download(f"{site.address}/model.pkl", target).read_bytes() == content

    def test_what_a_kill_left_beside_a_complete_file_goes(self, site, content, target):
        site.files["/model.pkl"] = content
        download(f"{site.address}/model.pkl", target)
        target.with_name("model.pkl.part.json").write_bytes(b"{}")
        download(f"{site.address}/model.pkl", target)
        assert names(target) == ["model.pkl", "model.pkl.sha256"]

    def test_a_full_disk_is_named_with_the_room(self, site, content, target, monkeypatch):
        site.files["/model.pkl"] = content
        real = Path.open

        class Full(io.BytesIO):
            def write(self, _):
                raise OSError(errno.ENOSPC, "No space left on device")

        def opened(path, *args, **kwargs):
            return Full() if path.suffix == ".part" else real(path, *args, **kwargs)

        monkeypatch.setattr(Path, "open", opened)
        with pytest.raises(DownloadError, match=r"model\.pkl\.part'.*disk is full.*MB free"):
            download(f"{site.address}/model.pkl", target)
