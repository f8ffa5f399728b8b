"""Errors of AWS as one line: what could not be done, why, the remedy, and whether a retry may help."""

import http
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as botocore_errors
from botocore.exceptions import ClientError

from openaq_assets.errors import PlatformError


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason of AWS errors: the message, the remedy, and whether a retry may help.

    ``codes`` are the codes in AWS's responses, or the names of botocore's exceptions.
    """

    codes: str
    message: str
    remedy: str
    retryable: bool = False


# The request or its response was lost in the network.
_NETWORK = (
    botocore_errors.ConnectionError,
    botocore_errors.HTTPClientError,
    botocore_errors.IncompleteReadError,
)
DEPLOY = "Run 'openaq-assets deploy', or correct the name in conf/environments.yaml."
THROTTLED = Reason(
    "Throttling ThrottlingException ThrottledException TooManyRequestsException SlowDown"
    " RequestLimitExceeded RequestThrottled BandwidthLimitExceeded EC2ThrottledException"
    " ProvisionedThroughputExceededException ConcurrentRunsExceededException",
    "AWS is throttling this account",
    "It is tried again automatically; if that does not help, run fewer jobs at once.",
    retryable=True,
)
BROKEN = Reason(
    "InternalError InternalFailure InternalServerError InternalServerException OperationAborted"
    " InternalServiceException ServiceUnavailable OperationTimeoutException RequestTimeout",
    "AWS had an internal error",
    "It is tried again automatically; if that does not help, see health.aws.amazon.com.",
    retryable=True,
)
EXPIRED = Reason(
    "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired",
    "the credentials have expired",
    "Sign in again ('aws sso login'), or use an instance role, which renews itself.",
)
UNKNOWN = Reason(
    "InvalidAccessKeyId InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch"
    " AuthFailure InvalidSignatureException MissingAuthenticationToken",
    "the credentials are not valid",
    "Correct the Airflow connection or the AWS profile, or use an instance role.",
)
DENIED = Reason(
    "AccessDenied AccessDeniedException AllAccessDisabled UnauthorizedAccess",
    "access is denied",
    "Give the role this permission; 'openaq-assets doctor' lists what is missing.",
)
MISSING = Reason(
    "NoSuchBucket EntityNotFoundException ResourceNotFoundException", "it does not exist", DEPLOY
)
NO_CREDENTIALS = Reason(
    "NoCredentialsError", "there are no AWS credentials", "Run 'aws configure', or use an instance role."
)
NO_REGION = Reason("NoRegionError", "no region is set", "Set OPENAQ_REGION or AWS_DEFAULT_REGION.")
_REASONS = {
    code: reason
    for reason in (THROTTLED, BROKEN, EXPIRED, UNKNOWN, DENIED, MISSING, NO_CREDENTIALS, NO_REGION)
    for code in reason.codes.split()
}


class Unanswered(PlatformError):
    """A request that AWS did not answer this time; the operation that it is about goes on."""


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Raise errors of AWS inside as PlatformError: ``cannot <what>: <reason>. <remedy>``."""
    try:
        yield
    except (ClientError, botocore_errors.BotoCoreError, botocore_errors.HTTPClientError) as error:
        raise _translated(what, error) from error


def ask(what: str, call: Callable[..., Any], *absent: str, **arguments: Any) -> Any:
    """Return the result of a call, None for an error code of ``absent``; raise PlatformError."""
    with asking(what):
        try:
            return call(**arguments)
        except ClientError as error:
            if code_of(error) in absent:
                return None
            raise


def _translated(what: str, error: Exception) -> PlatformError:
    """Return an error of AWS as PlatformError."""
    reason, details = _reason(error), _details(error)
    if reason is None:
        text = f"cannot {what}: {details}"
        lost = isinstance(error, _NETWORK)
        return Unanswered(text, retryable=True) if lost else PlatformError(text)
    detail = f" ({details})" if reason is DENIED and details else ""
    text = f"cannot {what}: {reason.message}{detail}. {reason.remedy}"
    return Unanswered(text, retryable=True) if reason.retryable else PlatformError(text)


def code_of(error: BaseException) -> str:
    """Return the code of an error in AWS's response; '' for any other error."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _reason(error: Exception) -> Reason | None:
    reason = _REASONS.get(code_of(error) or type(error).__name__)
    if reason or not isinstance(error, ClientError):
        return reason
    # Responses to HEAD and of some gateways have a status and no code.
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        return BROKEN
    return {http.HTTPStatus.FORBIDDEN: DENIED, http.HTTPStatus.TOO_MANY_REQUESTS: THROTTLED}.get(status)


def _details(error: Exception) -> str:
    message = error.response.get("Error", {}).get("Message", "") if isinstance(error, ClientError) else error
    line = " ".join(str(message).split()) or code_of(error)
    return line if len(line) <= 300 else f"{line[:297]}..."
