"""Starts LemonLDAP::NG (Debian's) on loopback: a real OpenID Connect and CAS server that nobody here wrote.

`with running(folder, clients) as server:` runs its portal from Perl's own small web server. `Person` walks its pages.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests
from bs4 import BeautifulSoup
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

MODULE = Path("/usr/share/perl5/Lemonldap/NG/Portal/Main.pm")
CLIENT_ID, CLIENT_SECRET = "careercenter", "a secret + of: the tests"
PEOPLE = {
    "maya": {"mail": "maya@demo.edu", "cn": "Maya Okafor", "givenName": "Maya", "sn": "Okafor", "employeeNumber": "900001",
             "affiliation": "student@demo.edu; member@demo.edu", "entitlement": ""},
    "ruth": {"mail": "ruth@demo.edu", "cn": "Ruth Adeyemi", "givenName": "Ruth", "sn": "Adeyemi", "employeeNumber": "800001",
             "affiliation": "staff@demo.edu", "entitlement": "urn:mace:demo.edu:career:advisor"},
}
_INI = """\
[all]
logLevel = warn
logger = Lemonldap::NG::Common::Logger::Std
userLogger = Lemonldap::NG::Common::Logger::Std
checkTime = 1
[configuration]
type = File
dirName = {folder}/conf
localStorage = Cache::FileCache
localStorageOptions = {{ 'namespace' => 'conf', 'default_expires_in' => 1, 'cache_root' => '{folder}/cache', 'cache_depth' => 3 }}
[portal]
staticPrefix = /static
templateDir = /usr/share/lemonldap-ng/portal/templates
languages = en
"""
_PSGI = """\
use Lemonldap::NG::Portal::Main;
use Lemonldap::NG::Portal::UserDB::Demo;
use JSON;
open(my $file, '<', '{folder}/people.json') or die;
%Lemonldap::NG::Portal::UserDB::Demo::demoAccounts = %{{ decode_json(<$file>) }};
%Lemonldap::NG::Portal::UserDB::Demo::demoGroups = ();
Lemonldap::NG::Portal::Main->run({{}});
"""


@dataclass(frozen=True)
class Server:
    """A running portal: `issuer` of OpenID Connect, `cas` address, and how to change its signing key."""

    url: str
    folder: Path

    @property
    def issuer(self) -> str:
        return self.url.rstrip("/")

    @property
    def cas(self) -> str:
        return f"{self.url}cas"

    def roll_key(self, name: str) -> None:
        """Sign with a new key from now on, as `rotateOidcKeys` does: the portal reads its configuration again."""
        numbers = [int(path.stem.partition("-")[2]) for path in (self.folder / "conf").glob("lmConf-*.json")]
        newest = json.loads((self.folder / f"conf/lmConf-{max(numbers)}.json").read_text())
        _write_configuration(self.folder, {**newest, **_key(name), "cfgNum": max(numbers) + 1})
        time.sleep(2.1)  # checkTime and the age of its cache, one second each


class Person:
    """A browser that keeps cookies for both sides and fills in the portal's forms. `passwords` counts how often it typed one."""

    def __init__(self, uid: str):
        self.uid, self.passwords = uid, 0
        self.session = requests.Session()

    def walk(self, address: str, ours: str) -> requests.Response:
        """Through the portal's redirects and forms to a page of ours that leads nowhere else."""
        answer = self._open(address)
        for _ in range(14):
            if answer.is_redirect:
                answer = self._open(urljoin(answer.url, answer.headers["Location"]))
            elif answer.url.startswith(ours):
                return answer
            else:
                answer = self._send_form(answer)
        raise AssertionError(f"went round in circles at {answer.url}: {answer.text[:2000]}")

    def walk_to(self, address: str, until: str) -> str:
        """The same up to the address that begins with `until`, which is not opened."""
        answer = self._open(address)
        for _ in range(14):
            if answer.is_redirect:
                following = urljoin(answer.url, answer.headers["Location"])
                if following.startswith(until):
                    return following
                answer = self._open(following)
            else:
                answer = self._send_form(answer)
        raise AssertionError(f"went round in circles at {answer.url}: {answer.text[:2000]}")

    def _open(self, address: str) -> requests.Response:
        return self.session.get(address, allow_redirects=False, timeout=20)

    def _send_form(self, page: requests.Response) -> requests.Response:
        form = BeautifulSoup(page.text, "html.parser").find("form")
        assert form is not None, f"{page.status_code} {page.url} {page.text[:3000]}"
        fields = {str(f["name"]): str(f.get("value", "")) for f in form.find_all("input") if f.get("name")}
        if "password" in fields:
            self.passwords += 1
        fields |= {name: self.uid for name in ("user", "password") if name in fields}
        if form.find(attrs={"name": "confirm"}):
            fields["confirm"] = "1"
        target = urljoin(page.url, str(form.get("action") or page.url))
        if str(form.get("method", "get")).lower() == "post":
            return self.session.post(target, data=fields, allow_redirects=False, timeout=20)
        return self.session.get(target, params=fields, allow_redirects=False, timeout=20)


@contextmanager
def running(folder: Path, services: dict[str, str]) -> Iterator[Server]:
    """Start the portal; `services` are our own addresses by provider name: {"oidc": base, "cas": base}."""
    if not MODULE.exists() or not shutil.which("plackup"):
        raise RuntimeError("LemonLDAP::NG is not installed; run ./dev test, which installs it")
    port = _free_port()
    server = Server(f"http://127.0.0.1:{port}/", folder)
    for name in ("conf", "cache", "sessions/lock", "psessions/lock", "notifications", "captcha"):
        (folder / name).mkdir(parents=True)
    (folder / "lemonldap-ng.ini").write_text(_INI.format(folder=folder))
    (folder / "portal.psgi").write_text(_PSGI.format(folder=folder))
    (folder / "people.json").write_text(json.dumps({uid: {"uid": uid, **told} for uid, told in PEOPLE.items()}))
    _write_configuration(folder, {**_configuration(server, services), **_key("first"), "cfgNum": 1})
    with (folder / "portal.log").open("wb") as log:
        process = subprocess.Popen(
            ["plackup", "-s", "HTTP::Server::PSGI", "-E", "deployment", "--host", "127.0.0.1", "--port", str(port), folder / "portal.psgi"],
            stdout=log, stderr=log, start_new_session=True, env={**os.environ, "LLNG_DEFAULTCONFFILE": str(folder / "lemonldap-ng.ini")},
        )
    try:
        _wait(process, server.issuer + "/.well-known/openid-configuration", folder / "portal.log")
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def _configuration(server: Server, services: dict[str, str]) -> dict[str, Any]:
    exported = ("uid", "mail", "cn", "givenName", "sn", "employeeNumber", "affiliation", "entitlement")
    claims = {
        "email": "mail", "name": "cn", "given_name": "givenName", "family_name": "sn", "employee_number": "employeeNumber",
        "eduperson_scoped_affiliation": "affiliation;string;always", "eduperson_entitlement": "entitlement;string;always",
    }
    files = {"generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"}
    return {
        "cfgVersion": "2.16.1", "cfgAuthor": "tests", "cfgDate": "1700000000", "portal": server.url, "domain": "127.0.0.1",
        "cookieName": "lemonldap", "securedCookie": 0, "timeout": 7200, "authentication": "Demo", "userDB": "Same",
        "passwordDB": "Demo", "registerDB": "Null", "demoExportedVars": {name: name for name in exported}, "exportedVars": {},
        "groups": {}, "macros": {}, "whatToTrace": "uid", "portalSkin": "bootstrap", "locationRules": {}, "exportedHeaders": {},
        "requireToken": 0, "cspFormAction": "*", "loginHistoryEnabled": 0, "portalDisplayRegister": 0,
        "globalStorage": "Apache::Session::File",
        "globalStorageOptions": {"Directory": f"{server.folder}/sessions", "LockDirectory": f"{server.folder}/sessions/lock", **files},
        "persistentStorage": "Apache::Session::File",
        "persistentStorageOptions": {"Directory": f"{server.folder}/psessions", "LockDirectory": f"{server.folder}/psessions/lock"},
        "localSessionStorage": "Cache::FileCache",
        "localSessionStorageOptions": {"namespace": "s", "default_expires_in": 5, "cache_root": f"{server.folder}/cache", "cache_depth": 3},
        "notification": 0, "captchaStorage": "Apache::Session::File",
        "issuerDBOpenIDConnectActivation": 1, "issuerDBCASActivation": 1, "oidcServiceMetaDataIssuer": server.issuer,
        "oidcServiceIgnoreScopeForClaims": 1, "oidcServiceAllowOnlyDeclaredScopes": 0,
        "oidcRPMetaDataExportedVars": {"career": claims},
        "oidcRPMetaDataOptions": {"career": {
            "oidcRPMetaDataOptionsClientID": CLIENT_ID, "oidcRPMetaDataOptionsClientSecret": CLIENT_SECRET,
            "oidcRPMetaDataOptionsRedirectUris": f"{services['oidc']}/return",
            "oidcRPMetaDataOptionsPostLogoutRedirectUris": f"{services['oidc']}/signed-out",
            "oidcRPMetaDataOptionsIDTokenSignAlg": "RS256", "oidcRPMetaDataOptionsRequirePKCE": 1,
            "oidcRPMetaDataOptionsBypassConsent": 1, "oidcRPMetaDataOptionsIDTokenForceClaims": 0,
            "oidcRPMetaDataOptionsUserIDAttr": "uid",
        }},
        "casAttr": "uid", "casAccessControlPolicy": "error", "casBackChannelSingleLogout": 1, "trustedDomains": "*",
        "casAppMetaDataOptions": {"career": {"casAppMetaDataOptionsService": services["cas"]}},
        "casAppMetaDataExportedVars": {"career": {
            "mail": "mail", "givenName": "givenName", "sn": "sn", "employeeNumber": "employeeNumber",
            "eduPersonScopedAffiliation": "affiliation", "eduPersonEntitlement": "entitlement",
        }},
    }


def _key(name: str) -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {
        "oidcServicePrivateKeySig": private.decode(), "oidcServicePublicKeySig": public.decode(), "oidcServiceKeyIdSig": name,
    }


def _write_configuration(folder: Path, told: dict[str, Any]) -> None:
    (folder / f"conf/lmConf-{told['cfgNum']}.json").write_text(json.dumps(told))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    for _ in range(100):
        if process.poll() is not None:
            break
        try:
            if re.search("jwks_uri", requests.get(address, timeout=10).text):
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"LemonLDAP::NG did not start: {log.read_text()[-3000:]}")
