""".env.example names every setting."""

from __future__ import annotations

import re


def test_every_setting_is_named(grown):
    found = grown()[1][".env.example"]
    for name in ("DATABASE_URL", "BROKER_URL", "API_TOKEN", "RABBITMQ_PASSWORD"):
        assert re.search(rf"^(# )?{name}=", found, re.MULTILINE), name
