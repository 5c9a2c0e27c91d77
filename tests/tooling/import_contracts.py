"""Kinds of import contract that import-linter does not bring.

They name modules that need not exist yet, so that the contract is there before the code it holds.
See import-linter's documentation on custom contract types for the protocol.
"""

import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator
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
