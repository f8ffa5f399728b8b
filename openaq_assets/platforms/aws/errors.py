"""What AWS refuses, as one line: what could not be done, why, the remedy, and whether again may help."""

import http
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
)

from openaq_assets.errors import PlatformError


@dataclass(frozen=True, slots=True)
class Reason:
    """Why AWS refuses: what to say, what to do about it, and whether trying again may help."""

    codes: frozenset[str]
    says: str
    remedy: str
    retryable: bool = False


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


DEPLOY = "Run 'openaq-assets deploy', or correct the name in conf/environments.yaml."
THROTTLED = Reason(
    _codes(
        "Throttling ThrottlingException ThrottledException TooManyRequestsException SlowDown"
        " RequestLimitExceeded RequestThrottled BandwidthLimitExceeded EC2ThrottledException"
        " ProvisionedThroughputExceededException ConcurrentRunsExceededException"
    ),
    "AWS is throttling this account",
    "It is tried again; if it stays, run fewer jobs at once.",
    retryable=True,
)
BROKEN = Reason(
    _codes(
        "InternalError InternalFailure InternalServerError InternalServerException OperationAborted"
        " InternalServiceException ServiceUnavailable OperationTimeoutException RequestTimeout"
    ),
    "AWS failed",
    "It is tried again; if it stays, see health.aws.amazon.com.",
    retryable=True,
)
EXPIRED = Reason(
    _codes("ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired"),
    "the credentials have expired",
    "Sign in again ('aws sso login'), or use an instance role, which renews itself.",
)
UNKNOWN = Reason(
    _codes(
        "InvalidAccessKeyId InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch"
        " AuthFailure InvalidSignatureException MissingAuthenticationToken"
    ),
    "the credentials are not valid",
    "Correct the Airflow connection or the AWS profile, or use an instance role.",
)
DENIED = Reason(
    _codes("AccessDenied AccessDeniedException AllAccessDisabled UnauthorizedAccess"),
    "access is denied",
    "Give the role that right; 'openaq-assets doctor' says which are missing.",
)
MISSING = Reason(
    _codes("NoSuchBucket EntityNotFoundException ResourceNotFoundException"), "it does not exist", DEPLOY
)  # fmt: skip
_ALL = (THROTTLED, BROKEN, EXPIRED, UNKNOWN, DENIED, MISSING)


class Unanswered(PlatformError):
    """A question that AWS did not answer this time; what it is about goes on all the same."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Errors of AWS inside as PlatformError: ``cannot <what>: why. What to do.``"""
    try:
        yield
    except (ClientError, BotoCoreError, HTTPClientError) as error:
        raise told(what, error) from error


def told(what: str, error: Exception) -> PlatformError:
    """An error of AWS as ours."""
    reason, said = _reason(error), _said(error)
    if reason is None:
        text = f"cannot {what}: {said}"
        return Unanswered(text) if _is_of_the_way(error) else PlatformError(text)
    detail = f" ({said})" if reason is DENIED and said else ""
    text = f"cannot {what}: {reason.says}{detail}. {reason.remedy}"
    return Unanswered(text) if reason.retryable else PlatformError(text)


def code_of(error: BaseException) -> str:
    """The code of an error that AWS answered with; '' if it is another."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _reason(error: Exception) -> Reason | None:
    if isinstance(error, NoCredentialsError):
        return Reason(
            frozenset(), "there are no AWS credentials", "Run 'aws configure', or use an instance role."
        )
    if isinstance(error, NoRegionError):
        return Reason(frozenset(), "no region is set", "Set OPENAQ_REGION or AWS_DEFAULT_REGION.")
    code = code_of(error)
    if found := next((one for one in _ALL if code in one.codes), None):
        return found
    return _of_status(error) if isinstance(error, ClientError) else None


def _of_status(error: ClientError) -> Reason | None:
    """HEAD and some gateways answer with a status and no code."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status == http.HTTPStatus.FORBIDDEN:
        return DENIED
    if status == http.HTTPStatus.TOO_MANY_REQUESTS:
        return THROTTLED
    return BROKEN if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR else None


def _is_of_the_way(error: Exception) -> bool:
    """Whether the request or its answer was lost on the way."""
    return isinstance(error, ConnectionError | HTTPClientError | IncompleteReadError)


def _said(error: Exception) -> str:
    if isinstance(error, ClientError):
        text = str(error.response.get("Error", {}).get("Message", "")) or code_of(error)
    else:
        text = str(error)
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:297]}..."
