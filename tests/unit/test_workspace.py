import pytest
import yaml

from rostfine.errors import InputError
from rostfine.workspace import CHECKOUT, find_workspace, init_workspace


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
    with pytest.raises(InputError, match="preset: wanted one of paper, small, got 'large'"):
        init_workspace(tmp_path / "other", "large")
    assert not (tmp_path / "other").exists()
