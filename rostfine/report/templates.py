"""The templates of pages."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def fill(name: str, **given: Any) -> str:
    """Fill the template `name` of this package; what it names must be given."""
    environment = Environment(
        loader=PackageLoader("rostfine.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(**given)
