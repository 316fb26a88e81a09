"""Who imports whom: left never imports right (docs/explanation/architecture.md, "Layers")."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

PROJECT = Path(__file__).parent.parent
LAYERS = ("nexo.shared", "accounts", "execution", "optimization", "orchestration", "nexo")
# Tools of their own: whoever likes imports them, and they import nothing of the product.
TOOLS = ("nexo_agent", "auditing")


def layer_of(module: str) -> str | None:
    """The layer, or tool, that a module is of; None for what is not the project's."""
    names = [name for name in (*LAYERS, *TOOLS) if f"{module}.".startswith(f"{name}.")]
    return max(names, key=len, default=None)


def imported(file: Path) -> Iterator[str]:
    """Every module that a file imports, within functions too."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                assert node.level == 0, f"{file} imports by dots"
                # `from nexo import shared` is an import of nexo.shared.
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def may_import(importer: str, layer: str) -> bool:
    if importer in TOOLS:
        return layer == importer
    return layer in TOOLS or LAYERS.index(layer) <= LAYERS.index(importer)


@pytest.mark.parametrize("importer", [*LAYERS, *TOOLS])
def test_left_never_imports_right(importer: str) -> None:
    files = [
        file
        for file in sorted((PROJECT / importer.replace(".", "/")).rglob("*.py"))
        if layer_of(".".join(file.relative_to(PROJECT).with_suffix("").parts)) == importer
    ]
    assert files
    wrong = [
        f"{file.relative_to(PROJECT)} imports {module}"
        for file in files
        for module in imported(file)
        if (layer := layer_of(module)) is not None and not may_import(importer, layer)
    ]
    assert wrong == []
