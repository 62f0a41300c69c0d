"""The API against its own description, with generated requests."""

import hashlib

import schemathesis
from hypothesis import HealthCheck, settings

from app.asgi import create_app
from tests.fakes.parts import FakeDialtone, Token

TOKEN = Token(name="fuzz", sha256=hashlib.sha256(b"fuzz").hexdigest(), scopes=("admin",))
app = create_app(FakeDialtone().parts(tokens=(TOKEN,)))
# The stream has no end, and it refuses values that no schema can list; tests/app/api/test_stream.py asks it.
schema = schemathesis.openapi.from_asgi("/schema/openapi.json", app).exclude(path="/v2/signals/stream")


@schema.parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described_and_none_is_our_failure(case):
    case.call_and_validate(headers={"Authorization": "Bearer fuzz"})
