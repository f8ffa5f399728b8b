"""The marks of hooks: ``hookspec`` on what can be implemented, ``hookimpl`` on an implementation."""

import pluggy

NAMESPACE = "openaq_assets"
hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)
