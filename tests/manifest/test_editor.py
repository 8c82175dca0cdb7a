"""What an editor does with the schema, by the language server that editors use for YAML."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qbatch.cli.verbs.schema import schema_text

SERVER = shutil.which("yaml-language-server")
TEXT = """\
# yaml-language-server: $schema=manifest.v1.schema.json
qbatch: 1
name: bell
circuits: {bell: bell.qasm}
backends:
  sim: {provider: local, noise: {readuot: 0.1}}
  qpu: {provider: oqc, options: {tket: three}}
sweep:
  repeat: 0
  or
"""

pytestmark = pytest.mark.slow


class Editor:
    """An editor that has one manifest open."""

    def __init__(self, server: subprocess.Popen[bytes], folder: Path) -> None:
        self._server = server
        self._asked = 0
        self.uri = (folder / "m.yaml").as_uri()
        self.marked: list[dict[str, Any]] = []
        can = {"textDocument": {"hover": {"contentFormat": ["markdown"]}}}
        can["workspace"] = {"configuration": {}}
        self.ask("initialize", processId=os.getpid(), rootUri=folder.as_uri(), capabilities=can)
        self._send({"method": "initialized", "params": {}})
        document = {"uri": self.uri, "languageId": "yaml", "version": 1, "text": TEXT}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})

    def at(self, method: str, line: int, character: int) -> Any:
        """Ask about a place of the manifest."""
        position = {"line": line, "character": character}
        return self.ask(f"textDocument/{method}", textDocument={"uri": self.uri}, position=position)

    def ask(self, method: str, **params: Any) -> Any:
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": params})
        while True:
            told = self.read()
            if told.get("id") == self._asked and "method" not in told:
                return told["result"]

    def read(self) -> dict[str, Any]:
        """The next message; what the server asks for is answered: no settings but its own."""
        length = 0
        assert self._server.stdout is not None
        while line := self._server.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        told: dict[str, Any] = json.loads(self._server.stdout.read(length))
        if told.get("method") == "textDocument/publishDiagnostics":
            self.marked = told["params"]["diagnostics"]
        if "method" in told and "id" in told:
            self._send({"id": told["id"], "result": [{} for _ in told["params"].get("items", ())]})
        return told

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._server.stdin is not None
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._server.stdin.flush()


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Editor]:
    if SERVER is None:
        if os.environ.get("CI"):
            pytest.fail("there is no yaml-language-server here; CI leaves nothing out")
        pytest.skip("there is no yaml-language-server here")
    (tmp_path / "manifest.v1.schema.json").write_text(schema_text(), "utf-8")
    command = ["timeout", "60", SERVER, "--stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        yield Editor(server, tmp_path)
        server.kill()


def test_an_editor_completes_explains_and_marks(editor: Editor) -> None:
    keys = {each["label"]: each for each in editor.at("completion", 9, 4)["items"]}
    assert {"order", "matrix", "zip", "seed"} <= keys.keys()
    assert "repeat" not in keys  # it stands there already
    assert "Root of every point" in str(keys["seed"]["documentation"])

    shown = editor.at("hover", 8, 4)["contents"]["value"]
    assert "How often each point is run" in shown
    assert "Example" in shown

    while not editor.marked:
        editor.read()
    marked = {each["range"]["start"]["line"]: each["message"] for each in editor.marked}
    assert "readuot" in marked[5]
    assert "none" in marked[6]  # one of the words that tket takes
    assert "minimum of 1" in marked[8]
