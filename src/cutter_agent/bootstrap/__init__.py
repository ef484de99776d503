"""COMPOSITION ROOT: settings become adapters, adapters become a runner. The only package that knows both sides."""

from __future__ import annotations

from cutter_agent.bootstrap.desk import Desk, open_desk
from cutter_agent.bootstrap.home import Home, home_of
from cutter_agent.bootstrap.settings import Settings

__all__ = ["Desk", "Home", "Settings", "home_of", "open_desk"]
