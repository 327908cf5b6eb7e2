"""What counts as secret in a text, and that ordinary messages survive."""

from __future__ import annotations

import base64
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import BadInputError, RunFailedError, UnknownNameError
from workbench.model.events import Event
from workbench.model.records import GateResult
from workbench.text.plain import logger
from workbench.text.redaction import HIDDEN, drawn_by_lot, redacted, redacted_text

WORD = st.text(string.ascii_letters + string.digits + "!#%*+._~-", min_size=8, max_size=24).map(lambda one: f"Zq9{one}")
"""A secret that no rule knows by its form: only what stands before it says what it is."""

PLACES = {
    "url": "cannot reach https://joe:{}@host.test:6443/api: refused",
    "url without a user": "GET https://{}@host.test/x",
    "host": "The API server joe:{}@host.test:6443 did not answer",
    "basic": "> Authorization: Basic {basic}",
    "bearer": "header was Authorization: Bearer {}",
    "bare bearer": "sent 'Bearer {}' and was refused",
    "lower": "authorization={}",
    "json header": '{{"Authorization": ["Bearer {}"], "x": 1}}',
    "proxy": "Proxy-Authorization: Basic {basic}\r\nnext",
    "digest": 'Authorization: Digest username="joe", realm="r", response="{}", opaque="x"',
    "cookie": "Cookie: lang=en; session={}; other=1",
    "set-cookie": "< Set-Cookie: sid={}; HttpOnly; Path=/",
    "query": "GET /login?user=joe&access_token={}&x=1 failed",
    "named": "password={} was refused",
    "yaml": "user: joe\npassword: {}\nhost: h",
    "yaml quoted": "  client-secret: '{}'",
    "json": '{{"user": "joe", "apiKey": "{}"}}',
    "json in json": '{{"body": "{{\\"token\\": \\"{}\\"}}"}}',
    "repr": "{{'secretAccessKey': '{}'}}",
    "option": "kubectl --token {} get pods",
    "option with sign": "helm --password={} repo add",
    "argv": "['helm', '--kube-token', '{}', 'list']",
    "curl": "curl -u joe:{} http://h",
    "environment": "AWS_SECRET_ACCESS_KEY={}",
    "header": "X-Api-Key: {}",
    "literal": "--from-literal=password={}",
}


@pytest.mark.parametrize("place", PLACES)
@given(secret=WORD)
def test_a_secret_is_hidden_wherever_it_stands(place, secret):
    basic = base64.b64encode(f"joe:{secret}".encode()).decode()
    text = PLACES[place].format(secret, basic=basic)
    told = redacted_text(text)
    assert secret not in told and basic not in told
    assert HIDDEN in told
    assert secret not in redacted_text(repr(text)) + redacted_text(json.dumps({"said": text}))
    assert redacted_text(told) == told, "what is hidden stays as it is"


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaA\\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\r\nMIIEow\r\n-----END ENCRYPTED PRIVATE KEY-----",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyaWcifQ.c2lnbmF0dXJl",
        "AKIAIOSFODNN7ABCDEFG",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "ya29.a0AfH6SMBxyz1234567890",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "xoxb-123456789012-abcdefGHIJKL",
        base64.b64encode(bytes(range(7, 255, 3))).decode(),
    ],
)
def test_a_secret_is_known_by_its_form(secret):
    told = redacted_text(f"it said {secret} and no more")
    assert secret not in told and "MIIEow" not in told
    assert told.startswith("it said ")


ORDINARY = [
    "Cannot write (runs/20261130T203000-quick-7f3a/manifest.json): the disk is full.",
    'secret "web-tls" not found; serviceaccount "token-reader" is forbidden',
    "Unexpected token '}' at line 3; unexpected token: comma",
    "The kubeconfig names no token: log in again.",
    "password must be text, and a token is required",
    "give --token or --password; --token FILE reads it",
    "docker.io/library/nginx:1.25@sha256:0b71b1b21cd5ed8c4a2a7e2a4ea6d54e2e62f3dd9e1dd3c6a3f30df0b0d0a6b3",
    "fingerprint 23c5acf0f774, SHA-256 8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80",
    "tokenBucket: {maxTokens: 100, tokensPerFill: 100}",
    "allowCredentials: true, automountServiceAccountToken: false",
    "https://prometheus-community.github.io/helm-charts http://web:8080/productpage?u=normal https://host:8080/a@v1",
    "basic authentication is not enough, a bearer authentication is",
    "mail someone@example.org; git@github.com:o/r.git; mailto:joe@host",
    "the key of the map: value; keys = 3; NAME=VALUE; rate_per_s=1000",
    "HTTP/1.1 401 Unauthorized: WWW-Authenticate: Bearer realm",
    "20261127T114149-tiny-2631-0001 istio-ingressgateway-7d9f8c6b5-x2x4z",
    "MountVolume.SetUp failed for volume kube-api-access-8kx2d: object default/kube-root-ca.crt not registered",
    "HISTFAAAAJl4nC2JPQ4BYRiE3f59sv6KUQQjURCIeIAShGlOIJ6z8ESUSk2CpElKpU4hsoJFCqFjmwtbOzOPMlkZmqzoCQiviQyaapI2G7sRHqvZ",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_messages_survive(text):
    assert redacted_text(text) == text


WORDS = tuple("the run of mesh ended after 3 seconds at 100/s because pod said: not ready".split())  # noqa: SIM905


@given(st.lists(st.sampled_from(WORDS)))
def test_words_survive(words):
    assert redacted_text(" ".join(words)) == " ".join(words)


@given(st.text())
def test_any_text_is_settled_by_one_pass(text):
    told = redacted_text(text)
    assert redacted_text(told) == told


@given(st.binary(min_size=48, max_size=200))
def test_what_is_drawn_by_lot_is_known_by_that(content):
    text = base64.b64encode(content).decode()
    if drawn_by_lot(text):
        assert text not in redacted_text(f"x {text} y")
    assert not drawn_by_lot(content.hex())


@given(st.recursive(WORD, lambda inner: st.dictionaries(st.sampled_from(("password", "user", "apiKey")), inner)))
def test_json_stays_json(document):
    told = json.loads(redacted_text(json.dumps({"all": document})))
    assert type(told["all"]) is type(document)


def test_every_message_event_and_line_of_a_log_goes_through_it(caplog):
    said = "https://joe:hunter2@h/: password=hunter2"
    found = [
        str(RunFailedError(said)),
        str(BadInputError(said)),
        str(UnknownNameError("mesh", said, ["a"])),
        GateResult(name="g", passed=False, evidence=said).evidence,
        Event(kind="note", time_s=0, message=said).message,
        str(Event(kind="note", time_s=0, message="", data={"x": [said], "token": "hunter2"}).data),
    ]
    logger("workbench.test").warning("%s: %d, %s", said, 3, "\x1b[31m")
    found.append(caplog.text)
    for text in found:
        assert "hunter2" not in text and HIDDEN in text
    assert "\x1b" not in caplog.text and ": 3, " in caplog.text


def test_values_are_hidden_by_their_names():
    told = redacted(
        {"env": [{"name": "DB_PASSWORD", "value": "x1"}], "Cookie": "x2", "nested": {"authorization": "x3"}}
    )
    assert not {"x1", "x2", "x3"} & set(json.dumps(told).replace('"', " ").split())
