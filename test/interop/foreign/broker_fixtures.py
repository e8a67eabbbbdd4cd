"""A pytest plugin: aiormq's sdist lacks the file that these two fixtures come from."""

import os

import pytest
from yarl import URL


class Container:
    host = "127.0.0.1"
    ports = {"5672/tcp": int(os.environ["AMQP_PORT"]), "5671/tcp": 5671}


@pytest.fixture(scope="session")
def rabbitmq_container():
    return Container()


@pytest.fixture(scope="session")
def amqp_direct_url(rabbitmq_container):
    return URL.build(
        scheme="amqp", user="guest", password="guest", path="//",
        host=rabbitmq_container.host, port=rabbitmq_container.ports["5672/tcp"],
    )
