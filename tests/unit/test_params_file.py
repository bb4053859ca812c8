from pathlib import Path

import pytest

from rostfine.errors import ParamsError
from rostfine.morphology.params import load_morphology_params
from rostfine.params import load_params
from rostfine.visem.params import load_visem_params

WRONG = {
    "no such file; 'rostfine init' makes a workspace with one": None,
    "not YAML: key 'data' occurs twice in what begins at line 1": "data: 1\ndata: 2\n",
    "the file: wanted the keys ": "7\n",
}


@pytest.mark.parametrize("load", [load_params, load_visem_params, load_morphology_params])
@pytest.mark.parametrize(("said", "text"), WRONG.items())
def test_a_file_that_is_none_of_params_is_named_once(load, said, text, tmp_path: Path):
    path = tmp_path / "params.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ParamsError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: {said}")
