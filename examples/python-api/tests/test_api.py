import io
import json
import unittest

from settle.api import app


def answer(method: str, path: str, body: object = None) -> tuple[str, dict]:
    """What the application answers, without a server between."""
    content = json.dumps(body).encode()
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": io.StringIO(),
    }
    statuses = []
    parts = app(environ, lambda status, headers, *_: statuses.append(status))
    return statuses[0], json.loads(b"".join(parts))


class ApiTest(unittest.TestCase):
    def test_payments_are_settled(self):
        payments = [{"payer": "Ada", "cents": 3000, "shared_by": ["Ada", "Ben"]}]
        status, body = answer("POST", "/settle", {"payments": payments})
        self.assertEqual(status, "200 OK")
        self.assertEqual(body, {"transfers": [{"from": "Ben", "to": "Ada", "cents": 1500}]})

    def test_what_is_no_list_of_payments_is_refused(self):
        whole = {"payer": "Ada", "cents": 100, "shared_by": ["Ben"]}
        wrong = [{"cents": 0}, {"cents": "1"}, {"shared_by": []}, {"shared_by": [1]}, {"shared_by": ["Ben", "Ben"]}]
        for body in [None, [], {}, {"payments": 1}, *({"payments": [whole | part]} for part in wrong)]:
            with self.subTest(body=body):
                self.assertEqual(answer("POST", "/settle", body)[0], "400 Bad Request")

    def test_health(self):
        self.assertEqual(answer("GET", "/health"), ("200 OK", {"ok": True}))
