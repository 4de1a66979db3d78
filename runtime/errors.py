"""The errors stillwave raises on purpose. A message says what, got, remedy."""


class StillwaveError(Exception):
    """Anything stillwave refuses or fails to do; `exit_code` is what the command line returns."""

    exit_code = 1


class PhotoError(StillwaveError):
    """A photo that cannot be read, or will not be: wrong format, too large, damaged."""

    exit_code = 3


class MotionError(StillwaveError):
    """A motion that cannot be rendered: damaged file, wrong shape, not finite."""

    exit_code = 3


class BundleError(StillwaveError):
    """A bundle that is not exactly what its manifest says."""

    exit_code = 4


class EngineCacheError(StillwaveError):
    """A locally built engine that does not belong to this network, device or user."""

    exit_code = 4


class BudgetError(StillwaveError):
    """A memory budget that is malformed, or in which the work does not fit."""

    exit_code = 5


class BackendError(StillwaveError):
    """A backend or optional package that is missing or cannot run here."""

    exit_code = 6


class EncodeError(StillwaveError):
    """An output that could not be encoded or written."""

    exit_code = 1


class CancelledError(StillwaveError):
    """Work stopped because the caller asked for it."""

    exit_code = 130
