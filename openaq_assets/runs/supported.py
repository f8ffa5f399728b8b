"""Find assets whose operations the platform of a profile cannot carry out."""

from openaq_assets.errors import Problem
from openaq_assets.platforms import NO_HANDLER, cannot_make
from openaq_assets.project.project import Project


def unsupported(project: Project, profile: str | None = None) -> tuple[Problem, ...]:
    """Return a problem for each asset with an operation that has no handler on the profile's platform."""
    settings = project.profiles.get(project.profile(profile))
    if settings is None:
        return ()
    return tuple(
        asset.problem("kind", cannot_make(settings.platform, name), NO_HANDLER)
        for asset in project.graph
        if (name := unsupported_operation(project, asset.key, settings.platform))
    )


def unsupported_operation(project: Project, key: str, platform: str) -> str:
    """Return the name of an asset's first operation without a handler on a platform; '' if all have one."""
    for operation in project.graph.answers[key].operations:
        if not project.plugins.can_carry_out(type(operation), platform):
            return type(operation).__name__
    return ""
