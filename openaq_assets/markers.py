"""The markers of hooks: ``hookspec`` for a specification, ``hookimpl`` for an implementation."""

import pluggy

NAMESPACE = "openaq_assets"
hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)
