"""What a configuration may say and a careful admin would not: told when asked, never refused."""

from collections.abc import Iterator

from dockd.config.models import Config
from dockd.errors import ConfigProblem


def doubts(config: Config) -> Iterator[ConfigProblem]:
    """Yield every doubt about a configuration that can be used, in the order of its file."""
    for index, rule in enumerate(config.cameras.accept):
        if rule.family == "mass-storage" and (rule.vendor_id, rule.product_id) == (None, None):
            yield ConfigProblem(
                key_path=f"cameras.accept[{index}]",
                reason="goes by the serial number alone, which any memory stick can be given",
                would_be_right="add the vendor_id and product_id of your cameras",
            )
