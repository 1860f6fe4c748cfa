"""Choose the number of examples of a property: all that its test asks for, or a tenth in a quick run."""

from typing import Any

from hypothesis import HealthCheck, settings

#: The name of the profile of a quick run: ``--hypothesis-profile=quick``.
QUICK = "quick"


def register_profiles() -> None:
    """Register the profiles and load the usual one; neither limits how long an example takes.

    How long an example takes says how busy the machine is.
    """
    settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile(QUICK, settings.get_profile("untimed"), max_examples=10)
    settings.load_profile("untimed")


def examples(count: int, **others: Any) -> settings:
    """Return settings with this many examples, or a tenth of them in a quick run."""
    return settings(max_examples=count // 10 if settings.get_current_profile_name() == QUICK else count, **others)
