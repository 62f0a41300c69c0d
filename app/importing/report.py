"""Collects what an import finds, entry by entry."""

from app.importing.imported import Imported, Integration, LeftOut, Variable
from app.importing.naming import Names
from app.importing.values import shown

_REMEMBERED = 200
"""So many of the last findings are compared, so that a large file takes no quadratic time."""


class Report:
    """All findings of one import; `names` are those already given."""

    def __init__(self) -> None:
        self.names = Names()
        self._integrations: list[Integration] = []
        self._left_out: list[LeftOut] = []
        self._variables: list[Variable] = []
        self._notes: list[str] = []
        self._shared: dict[tuple[str, str, str], Variable] = {}

    def add(self, integration: Integration) -> None:
        """Keep an integration."""
        self._integrations.append(integration)

    def leave(self, entry: str, *, line: int = 0, setting: str = "", why: str, instead: str = "") -> None:
        """Tell of one thing that is not carried over; the same thing is told once."""
        told = LeftOut(entry=shown(entry), line=line, setting=shown(setting), why=why, instead=instead)
        if told not in self._left_out[-_REMEMBERED:]:
            self._left_out.append(told)

    def variable(self, owner: str, what: str, *, secret: str, holds: str) -> Variable:
        """The variable for a secret of `owner`; the same secret of the same owner has one variable."""
        key = (owner, what, secret)
        if key not in self._shared:
            name = self.names.variable(owner, what)
            self._shared[key] = Variable(name=name, holds=shown(holds))
        return self._shared[key]

    def need(self, variable: Variable) -> None:
        """Tell of a variable that is to be set."""
        if variable not in self._variables:
            self._variables.append(variable)

    def note(self, text: str) -> None:
        """Tell of a difference that holds for the peer as a whole, once."""
        if text not in self._notes:
            self._notes.append(text)

    def imported(self) -> Imported:
        """All that was found."""
        return Imported(
            integrations=tuple(self._integrations),
            left_out=tuple(self._left_out),
            variables=tuple(self._variables),
            notes=tuple(self._notes),
        )
