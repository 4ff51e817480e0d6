"""Completion of commands in a real shell."""

import subprocess
import sys

import pytest
from terminal import run

from siamese.__main__ import COMMANDS

ASK = """
source /dev/stdin
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _shtab_siamese; echo "${COMPREPLY[@]}"; }
"""


def test_a_shell_completes_commands_flags_names_and_folders(digit_folder, capsys):
    pytest.importorskip("shtab")
    code, script, _ = run(["--print-completion", "bash"], capsys)
    assert code == 0

    def completed(*words: str) -> set[str]:
        asked = ASK + "ask " + " ".join(f"'{word}'" for word in words)
        command = ["bash", "-c", asked]
        return set(
            subprocess.run(
                command, input=script, capture_output=True, text=True, check=True, cwd=digit_folder.parent
            ).stdout.split()
        )

    assert completed("siamese", "") >= set(COMMANDS)
    assert completed("siamese", "co") == {"compare"}
    assert completed("siamese", "train", "--enc") == {"--encoder"}
    assert completed("siamese", "train", "--loss", "triplet-") == {"triplet-hard", "triplet-semi-hard"}
    assert completed("siamese", "cluster", "dig") == {"digits"}


def test_without_the_library_one_sentence_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    code, stdout, stderr = run(["--print-completion", "zsh"], capsys)
    assert (code, stdout) == (2, "")
    assert stderr.startswith("error: --print-completion needs shtab: pip install shtab, ")
    assert stderr.count("\n") == 1
