import pytest
import yaml

from rostfine.errors import InputError
from rostfine.workspace import CHECKOUT, find_workspace, init_workspace, refuse_if_filled


def test_a_new_workspace_has_the_whole_pipeline_and_finds_its_code(tmp_path):
    init_workspace(tmp_path / "study", "small")
    pipeline = yaml.safe_load((tmp_path / "study" / "dvc.yaml").read_text())
    code = tmp_path / "study" / pipeline["vars"][0]["code"]
    assert code.resolve() == CHECKOUT
    assert list(pipeline["stages"]) == list(
        yaml.safe_load((CHECKOUT / "dvc.yaml").read_text())["stages"]
    )
    assert (tmp_path / "study" / "data" / "tags.csv").read_text().startswith("sample_id,")
    assert (tmp_path / "study" / ".git").is_dir()


def test_a_workspace_is_found_from_any_folder_in_it(tmp_path):
    init_workspace(tmp_path / "study", "paper")
    assert find_workspace(tmp_path / "study" / "data" / "raw") == tmp_path / "study"
    assert find_workspace(tmp_path) is None


def test_a_workspace_is_never_made_twice_and_an_unknown_preset_is_refused(tmp_path):
    init_workspace(tmp_path, "small")
    (tmp_path / "params.yaml").write_text("mine")
    with pytest.raises(InputError, match="is a workspace already"):
        init_workspace(tmp_path, "small")
    assert (tmp_path / "params.yaml").read_text() == "mine"
    with pytest.raises(InputError, match="preset: wanted one of paper, small, smoke, got 'large'"):
        init_workspace(tmp_path / "other", "large")
    assert not (tmp_path / "other").exists()


def test_what_a_folder_holds_already_stays(tmp_path):
    cached = tmp_path / ".dvc" / "cache" / "only-copy"
    cached.parent.mkdir(parents=True)
    for path in (cached, tmp_path / ".gitignore", tmp_path / "params.yaml"):
        path.write_text("mine")
    init_workspace(tmp_path, "small")
    assert cached.read_text() == "mine"
    assert (tmp_path / ".gitignore").read_text() == "mine"
    assert (tmp_path / "params.yaml").read_text() == "mine"


def test_a_simulation_never_replaces_tags_or_votes(tmp_path):
    init_workspace(tmp_path, "small")
    refuse_if_filled(tmp_path)
    (tmp_path / "data" / "votes" / "real.csv").touch()
    with pytest.raises(InputError, match="holds votes already; nothing was changed"):
        refuse_if_filled(tmp_path)
    (tmp_path / "data" / "tags.csv").write_text("sample_id,video_id,frame,x_px,y_px\na,v,0,1,1\n")
    with pytest.raises(InputError, match="holds tags already; nothing was changed"):
        refuse_if_filled(tmp_path)
