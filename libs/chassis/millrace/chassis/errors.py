"""Errors, by what the caller does.

Unprocessable             it will never work: dead letter, 422
  Malformed               a record that can't be read
  NotFound                404
    Unknown               a key that a table does not hold
    BlobNotFound
      BodyGone              a record whose body was removed: its person is forgotten, or its time is over
  Conflict                409
    AlreadyExists
  NotSignedIn             401
Unavailable               it may work later: retry with back-off, 503
  Busy                    429, with a time to come back
  BucketNotFound          a service's own is made before long; who was told of another says so
  LeaseLost               another worker has the job
TooManyDeadLetters        stop the service: something is wrong with it, not with the events
LoopEnded                 stop the service: a loop of it has ended by an error nobody foresaw
"""


class Unprocessable(Exception):
    """The same input will fail again. Attributes are facts with ids."""


class Malformed(Unprocessable):
    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: expected {expected}")
        self.field = field
        self.expected = expected


class NotFound(Unprocessable):
    """What was named is not there."""


class Unknown(NotFound):
    def __init__(self, topic: str, key: str) -> None:
        super().__init__(f"no workspace {key!r}: it is not in {topic}, read to its end")
        self.topic = topic
        self.key = key


class BlobNotFound(NotFound):
    def __init__(self, key: str) -> None:
        super().__init__(f"no blob {key!r}")
        self.key = key


class BodyGone(BlobNotFound):
    """A body of an event that was removed: its person asked to be forgotten, or its topic's retention has passed."""


class Conflict(Unprocessable):
    """The state has moved since the caller looked, or forbids this."""


class AlreadyExists(Conflict):
    def __init__(self, key: str) -> None:
        super().__init__(f"blob {key!r} exists and blobs are written once")
        self.key = key


class NotSignedIn(Unprocessable):
    def __init__(self, header: str) -> None:
        super().__init__(f"nobody is signed in: the header {header} is missing")
        self.header = header


class Unavailable(Exception):
    """Something that this needs does not answer now."""


class Busy(Unavailable):
    def __init__(self, retry_after: float) -> None:
        super().__init__(f"the outbox is behind; come back in {retry_after:g} s")
        self.retry_after = retry_after


class BucketNotFound(Unavailable):
    def __init__(self, bucket: str) -> None:
        super().__init__(f"S3: there is no bucket {bucket!r}")
        self.bucket = bucket


class LeaseLost(Unavailable):
    def __init__(self, kind: str, key: str, token: int) -> None:
        super().__init__(f"{kind} {key}: token {token} is no longer the newest")
        self.kind = kind
        self.key = key
        self.token = token


class TooManyDeadLetters(Exception):
    def __init__(self, consumer: str, count: int, ceiling: int) -> None:
        super().__init__(f"{consumer}: {count} dead letters within a minute, the ceiling is {ceiling}")
        self.consumer = consumer
        self.count = count
        self.ceiling = ceiling


class LoopEnded(Exception):
    def __init__(self, loop: str, error: BaseException | None) -> None:
        super().__init__(f"{loop} has ended: {error!r}" if error else f"{loop} has ended")
        self.loop = loop
