import logging
import os
import subprocess
import sys

import pytest

from rostfine.errors import RostfineError
from rostfine.export.toolkit import import_nncf, import_openvino


@pytest.mark.parametrize(("load", "name"), [(import_openvino, "openvino"), (import_nncf, "nncf")])
def test_a_missing_extra_is_one_line_that_names_it(monkeypatch, load, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RostfineError, match=rf"^{name} is needed to .*rostfine\[export\]'$"):
        load()


def test_importing_both_says_nothing_and_leaves_no_file_at_home(tmp_path):
    # In a process of its own: NNCF leaves its telemetry out where it finds pytest.
    code = "from rostfine.export.toolkit import *; import_nncf(); import_openvino()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout + done.stderr == ""
    assert list(tmp_path.rglob("*")) == []


def test_loggers_of_others_stay_what_they_were():
    before = logging.getLoggerClass()
    import_nncf()
    assert logging.getLoggerClass() is before
    assert logging.root.manager.disable == logging.NOTSET
