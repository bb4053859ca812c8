"""The templates of pages."""

from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def fill(name: str, package: str = "rostfine.report", **given: Any) -> str:
    """Fill the template `name` of a package, or of this one; what it names must be given."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(p, "") for p in (package, "rostfine.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(**given)
