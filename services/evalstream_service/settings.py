"""Settings of everything that serves HTTP, from the environment (``EVALSTREAM_…``) or, for secrets, from files.

A secret may lie in a file named as its variable (``evalstream_kafka_password``) in the folder that
``EVALSTREAM_SECRETS_DIR`` names, as container platforms mount them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, get_args

from evalstream.policies import PolicyName
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from evalstream_service.browsers import split_names


class HttpSettings(BaseSettings):
    """Settings that the embedded mode and the services of a cluster have in common."""

    model_config = SettingsConfigDict(
        env_prefix="EVALSTREAM_",
        env_file=".env",
        extra="ignore",
        secrets_dir=os.environ.get("EVALSTREAM_SECRETS_DIR"),
        hide_input_in_errors=True,  # an invalid secret must not be printed
    )

    host: str = Field(default="127.0.0.1", description="the address to listen on")
    port: int = Field(default=8000, ge=0, le=65535)
    media: Path | None = Field(default=None, description="a folder of images, served under /media")
    api_keys: Annotated[SecretStr, NoDecode] = Field(
        default=SecretStr(""), description="KEY=read,OTHER=read+write; none: everything is open, on loopback only"
    )
    keys_file: Path | None = Field(default=None, description="the file that `evalstream keys` writes")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="names it may be asked under besides loopback's, with commas; any where keys are set"
    )
    max_upload_bytes: int = Field(default=1024**3, gt=0, description="of one request")
    questions_at_work: int = Field(default=8, ge=1, description="questions computed at a time")
    questions_under_way: int = Field(default=128, ge=1, description="at work or waiting; beyond: 429")
    questions_memory: int | None = Field(
        default=None,
        ge=2**20,
        description="bytes that questions which look at each object have together; half of memory if not set",
    )
    uploads_under_way: int = Field(default=16, ge=1, description="and other changes; beyond: 429")
    policies: tuple[PolicyName, ...] = Field(
        default=get_args(PolicyName), min_length=1, description="the matching policies that results are kept for"
    )

    _split = field_validator("allowed_hosts", mode="before")(split_names)
