"""Kinds of import contract that import-linter does not bring.

They name modules that need not exist yet, so that the contract is there before the code it holds.
See import-linter's documentation on custom contract types for the protocol.
"""

import ast
import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

_DOCKD = "dockd"


def _is_in(module: str, *, packages: Iterable[str]) -> bool:
    """Tell whether a module is one of the packages or lies inside one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _direct_imports(graph: ImportGraph) -> Iterator[tuple[str, str]]:
    """Yield every direct import as importer and imported, in a stable order."""
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            yield importer, imported


class _DirectImportContract(Contract):
    """A contract that is broken by single imports, which it reports with their lines."""

    @abstractmethod
    def is_broken_by(self, importer: str, *, imported: str) -> bool:
        """Tell whether this import breaks the contract."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        broken = [
            f"{importer} -> {imported} (line {detail['line_number']})"
            for importer, imported in _direct_imports(graph)
            if self.is_broken_by(importer, imported=imported)
            for detail in graph.get_import_details(importer=importer, imported=imported)
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in cast("list[str]", check.metadata["broken"]):
            output.print_error(f"- {line}", bold=False)
        output.new_line()


class HomeContract(_DirectImportContract):
    """A library (or package) is imported in its homes and nowhere else.

    Options: `libraries`, the names that are imported; `homes`, the modules and packages that may.
    """

    type_name = "home"

    libraries = fields.ListField(subfield=fields.StringField())
    homes = fields.ListField(subfield=fields.StringField())

    def is_broken_by(self, importer: str, *, imported: str) -> bool:
        libraries = cast("list[str]", self.libraries)
        homes = cast("list[str]", self.homes)
        return _is_in(imported, packages=libraries) and not _is_in(
            importer, packages=[*homes, *libraries]
        )


class BarredContract(_DirectImportContract):
    """A package does not import certain libraries.

    Options: `packages`, which are held to it; `libraries`, barred by name; `third_party`, whether
    everything outside the standard library is barred as well.
    """

    type_name = "barred"

    packages = fields.ListField(subfield=fields.StringField())
    libraries = fields.ListField(subfield=fields.StringField())
    third_party = fields.BooleanField(required=False, default=False)

    def is_broken_by(self, importer: str, *, imported: str) -> bool:
        if not _is_in(importer, packages=cast("list[str]", self.packages)):
            return False
        if _is_in(imported, packages=cast("list[str]", self.libraries)):
            return True
        top_level = imported.partition(".")[0]
        return (
            bool(self.third_party)
            and top_level != _DOCKD
            and top_level not in sys.stdlib_module_names
        )


class StrangersContract(Contract):
    """The named children of a package do not import each other, not even through a third module.

    Option: `groups`, each `package: child child child`; children that do not exist are passed over.
    """

    type_name = "strangers"

    groups = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        broken: list[str] = []
        for group in cast("list[str]", self.groups):
            package, _, children = group.partition(":")
            modules = {f"{package}.{child}" for child in children.split()} & graph.modules
            broken += [
                " -> ".join([min(route.heads), *route.middle, min(route.tails)])
                for dependency in graph.find_illegal_dependencies_for_layers(layers=(modules,))
                for route in dependency.routes
            ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in cast("list[str]", check.metadata["broken"]):
            output.print_error(f"- {line}", bold=False)
        output.new_line()


class BorrowedContract(Contract):
    """A folder outside the root package decides by certain modules and has no copies of them.

    Each of the modules is imported there, and no class, function or constant that one of them
    defines is defined there again under its name.

    Options: `folder`, from the root of the repository; `modules`, which are borrowed. A folder that
    does not exist keeps the contract.
    """

    type_name = "borrowed"

    folder = fields.StringField()
    modules = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        modules = cast("list[str]", self.modules)
        files = sorted(Path(str(self.folder)).glob("*.py"))
        imported = {name for file in files for name in _imported(file)}
        names = {name for module in modules for file in _sources(module) for name in _names(file)}
        broken = [
            f"{self.folder} does without {module}"
            for module in modules
            if files and not any(_is_in(name, packages=[module]) for name in imported)
        ]
        broken += [
            f"{file} has its own {name}" for file in files for name in sorted(names & _names(file))
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in cast("list[str]", check.metadata["broken"]):
            output.print_error(f"- {line}", bold=False)
        output.new_line()


def _sources(module: str) -> list[Path]:
    """Return a module's file, or all of a package's."""
    path = Path(*module.split("."))
    return sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def _imported(file: Path) -> Iterator[str]:
    """Yield everything that a file imports: modules, and what it takes from one."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _names(file: Path) -> set[str]:
    """Return what a file defines for others: public classes, functions and constants."""
    tree = ast.parse(file.read_text()) if file.exists() else ast.Module([], [])
    defined = {
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }
    defined |= {
        node.target.id
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    return {name for name in defined if not name.startswith("_")}
