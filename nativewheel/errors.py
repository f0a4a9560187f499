"""The errors that a user can meet: one root, and one subclass for each exit status of the command line."""

from __future__ import annotations

from typing import ClassVar, Self


class NativewheelError(Exception):
    """Root of every error that nativewheel raises on purpose.

    ``message`` says what is wrong; ``where`` says in which place, outermost first (wheel, member, tag or offset); ``hint`` says what to do
    about it.  Each subclass owns one exit status, so that a script can tell the causes apart.
    """

    exit_status: ClassVar[int] = 70

    def __init__(self, message: str, *, where: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def within(self, *outer: str) -> Self:
        """Put ``outer`` before the place of this error, and return the error for re-raising."""
        self.where = (*outer, *self.where)
        return self

    def __str__(self) -> str:
        return f"{' → '.join(self.where)}: {self.message}" if self.where else self.message


class UsageError(NativewheelError):
    """The command line, the configuration or the set of wheels makes no sense (status 2)."""

    exit_status = 2


class UnreadableError(NativewheelError):
    """Not a readable wheel or image, or one for a platform that is not supported (status 3)."""

    exit_status = 3


class ForeignImageError(UnreadableError):
    """A sound image for a machine or system that no wheel platform stands for, such as GPU code in an ELF container (status 3)."""


class NotLoadedError(ForeignImageError):
    """A file in the container of an image that no loader is meant to load, such as a universal static library (status 3)."""


class LinkageError(NativewheelError):
    """A library cannot be resolved, a tag cannot be promised, or a layout cannot be repaired (status 4)."""

    exit_status = 4


class ProviderError(NativewheelError):
    """A provider and its consumer do not fit each other (status 5)."""

    exit_status = 5


class MachineError(NativewheelError):
    """The machine failed: disk full, no permission, a program that is missing or that fails (status 6)."""

    exit_status = 6
