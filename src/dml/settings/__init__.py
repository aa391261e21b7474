"""The value of every setting and where it came from.

Nothing here speaks to a server, and reading creates nothing.
"""

from dml.settings.definitions import SETTINGS, Setting, setting_name
from dml.settings.profile import profile_path, unset_profile, write_profile
from dml.settings.resolve import Settings, Value, resolve

__all__ = [
    "SETTINGS",
    "Setting",
    "Settings",
    "Value",
    "profile_path",
    "resolve",
    "setting_name",
    "unset_profile",
    "write_profile",
]
