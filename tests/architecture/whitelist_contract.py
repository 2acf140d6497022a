"""A contract of import-linter: modules that may import only the listed rooms of a package."""

from __future__ import annotations

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class WhitelistContract(Contract):
    """Break for each import from ``importers`` of a module ``within`` a package that ``may_import`` does not list.

    A listed module includes everything below it. The package itself may be imported: its ``__all__`` is its public surface.
    """

    importers = fields.ListField(subfield=fields.StringField())
    within = fields.StringField()
    may_import = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # import-linter's signature
        offenders = sorted(
            (importer, imported)
            for root in self.importers
            for importer in {root, *graph.find_descendants(root)}
            for imported in graph.find_modules_directly_imported_by(importer)
            if self._forbids(imported)
        )
        return ContractCheck(kept=not offenders, metadata={"offenders": offenders})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in check.metadata["offenders"]:
            output.print_error(f"{importer} imports {imported}; public are: {', '.join(self.may_import)}")

    def _forbids(self, module: str) -> bool:
        if not module.startswith(f"{self.within}."):
            return False
        return not any(module == listed or module.startswith(f"{listed}.") for listed in self.may_import)
