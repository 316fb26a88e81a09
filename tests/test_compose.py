"""compose.yaml agrees with itself, with nginx's template and with the Dockerfile."""

import re
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import yaml

from tests.servers import PROJECT
from tests.test_settings import READ_ELSEWHERE, names_in_settings

pytestmark = pytest.mark.unit
WEBS = ("web-1", "web-2")
OURS = (*WEBS, "worker", "migrate", "operator")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((PROJECT / "compose.yaml").read_text()))


def address(compose: dict[str, Any], service: str) -> str:
    return str(compose["services"][service]["networks"]["default"]["ipv4_address"])


def test_everything_that_nginx_wants_filled_in_is_given(compose: dict[str, Any]) -> None:
    given = compose["services"]["nginx"]["environment"]
    template = (PROJECT / "deploy/nginx/nexo.conf.template").read_text()
    script = (PROJECT / "deploy/nginx/drain").read_text()
    wanted = set(re.findall(r"\$\{([A-Z_0-9]+)\}", template.partition("\ngeo ")[2]))
    wanted |= set(re.findall(r"\$\{(WEB_\d)\}", script))
    assert wanted == given.keys()


def test_each_is_where_the_others_look_for_it(compose: dict[str, Any]) -> None:
    nginx = compose["services"]["nginx"]["environment"]
    for number, web in enumerate(WEBS, start=1):
        assert nginx[f"WEB_{number}"].split(":")[0] == address(compose, web)
    (network,) = compose["networks"]["default"]["ipam"]["config"]
    assert nginx["TRUSTED_PROXY"] == network["gateway"]
    for web in WEBS:
        believed = compose["services"][web]["environment"]["FORWARDED_ALLOW_IPS"]
        assert believed == address(compose, "nginx")


def test_no_address_is_given_to_another_before(compose: dict[str, Any]) -> None:
    (network,) = compose["networks"]["default"]["ipam"]["config"]
    subnet, pool = ip_network(network["subnet"]), ip_network(network["ip_range"])
    fixed = [ip_address(address(compose, name)) for name in (*WEBS, "nginx")]
    fixed.append(ip_address(network["gateway"]))
    assert len(set(fixed)) == len(fixed)
    assert [each for each in fixed if each not in subnet or each in pool] == []
    assert set(pool) <= set(subnet)


def test_nobody_is_told_to_run_a_second_one_at_an_address_of_its_own(
    compose: dict[str, Any],
) -> None:
    fixed = [name for name, each in compose["services"].items() if "networks" in each]
    assert "web-1" in fixed
    pages = [PROJECT / "compose.yaml", PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]
    text = "".join(page.read_text() for page in pages)
    assert set(re.findall(r"docker compose run --rm (\S+)", text)).isdisjoint(fixed)


def test_a_port_given_in_the_shell_is_the_one_that_nginx_asks(compose: dict[str, Any]) -> None:
    nginx = compose["services"]["nginx"]["environment"]
    for number, web in enumerate(WEBS, start=1):
        port = compose["services"][web]["environment"]["PORT"]
        assert port == "${PORT:-8000}"
        assert nginx[f"WEB_{number}"].partition(":")[2] == port


def test_a_restart_forgets_no_worker(compose: dict[str, Any]) -> None:
    assert compose["services"]["worker"]["deploy"]["replicas"] == "${WORKERS:-1}"
    pages = [PROJECT / "compose.yaml", PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]
    text = "".join(page.read_text() for page in pages)
    assert "--scale worker" not in text
    # Without the profile the image that restores stays as it was first built.
    assert "docker compose build" not in text


def test_only_nginx_can_be_reached_and_from_this_machine_alone(compose: dict[str, Any]) -> None:
    published = {name: service.get("ports") for name, service in compose["services"].items()}
    assert [name for name, ports in published.items() if ports] == ["nginx"]
    (port,) = published["nginx"]
    assert port.startswith("127.0.0.1:")


def test_ours_run_without_rights_from_stages_that_exist(compose: dict[str, Any]) -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text()
    stages = set(re.findall(r"^FROM \S+ AS (\w+)", dockerfile, re.MULTILINE))
    for name in OURS:
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["build"]["target"] in stages
    # What runs as root while it is built does not do so afterwards.
    users = re.findall(r"^USER (\w+)", dockerfile, re.MULTILINE)
    assert users[-1] == "nexo"
    assert re.findall(r"^FROM (.*)", dockerfile, re.MULTILINE)[-1] == "web"


def test_what_is_mounted_exists(compose: dict[str, Any]) -> None:
    mounted = [
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
        if volume.startswith("./deploy")
    ]
    assert mounted
    assert [path for path in mounted if not (PROJECT / path).exists()] == []


def test_every_variable_is_a_setting(compose: dict[str, Any]) -> None:
    known = names_in_settings() | READ_ELSEWHERE | {"DATABASE_URL"}
    for name in OURS:
        assert set(compose["services"][name]["environment"]) <= known
    text = (PROJECT / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{([A-Z_]+)", text)) <= known
