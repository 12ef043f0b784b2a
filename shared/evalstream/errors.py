"""The root of all errors that evalstream raises itself: ``except evalstream.EvalstreamError`` catches each of them.

Each is defined beside what raises it::

    EvalstreamError
    ├── ImporterError            a file, or arrays, cannot be read        (also a ValueError)
    │   └── ConllError           a file in columns cannot be read
    ├── QuestionError            a question cannot be asked like this     (also a ValueError)
    ├── GeometryError            shapes cannot be compared                (also a ValueError)
    ├── ClientError              a service has not done what it was asked
    │   ├── NoServiceError       nobody answers
    │   ├── RefusedError         the service refuses
    │   └── RejectedError        the service, or a reader, rejected records
    ├── BackupError              a backup cannot be restored              (also a ValueError)
    ├── EngineUnavailableError   the engine does not answer               (also a RuntimeError)
    ├── OutOfVersionsError       no version is left for an event          (also a RuntimeError)
    └── KeyFileError, TopicError, FatalError, …   what stops a service    (in ``services/``)
"""

from __future__ import annotations


class EvalstreamError(Exception):
    """Root of evalstream's errors; the message says what is wrong, and what to do."""
