"""What a behaviour may raise: an AWS error, or the end of the test."""

from __future__ import annotations


class AwsError(Exception):
    """A refusal that AWS would send: error code as on the wire, message, HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class NotSimulated(BaseException):
    """The sandbox does not implement this operation or parameter.

    A BaseException, so that no `except Exception` in the code under test turns a hole in the
    sandbox into a reply: it ends the test.
    """


class Killed(BaseException):
    """The process under test dies here (crash tests): nothing may catch it."""
