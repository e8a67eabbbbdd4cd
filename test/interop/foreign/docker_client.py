"""Stands in for the docker_client.py beside aio-pika's and aiormq's tests: the broker that runs already is the container."""

import os
from dataclasses import dataclass


class DockerNotAvailableError(Exception):
    pass


@dataclass
class DockerHostInfo:
    is_tcp: bool = False
    container_host: str = "127.0.0.1"


@dataclass
class ContainerInfo:
    id: str
    ports: dict
    host: str


def check_docker_available():
    return DockerHostInfo()


class DockerClient:
    def __init__(self, docker_host_info=None):
        self.docker_host_info = docker_host_info

    def run(self, image, ports, environment=None):
        return ContainerInfo("the broker", {"5672/tcp": int(os.environ["AMQP_PORT"]), "5671/tcp": 5671}, "127.0.0.1")

    def kill(self, container_id):
        pass

    def remove(self, container_id):
        pass
