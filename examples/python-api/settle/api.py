"""The HTTP side: POST /settle with a list of payments, GET /health."""

from bottle import Bottle, HTTPResponse, request

from settle.debts import Payment, settle

app = Bottle()


@app.get("/health")
def health() -> dict:
    return {"ok": True}


@app.post("/settle")
def post_settle() -> dict | HTTPResponse:
    try:
        payments = read_payments(request.json)
    except ValueError as wrong:
        return HTTPResponse(status=400, body={"error": str(wrong)})
    transfers = settle(payments)
    return {"transfers": [{"from": one.debtor, "to": one.creditor, "cents": one.cents} for one in transfers]}


def read_payments(body: object) -> list[Payment]:
    """Raises ValueError, with what is wrong, where the body is not a list of payments."""
    rows = body.get("payments") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise ValueError("the body has no list `payments`")
    return [read_payment(row) for row in rows]


def read_payment(row: object) -> Payment:
    match row:
        case {"payer": str(payer), "cents": int(cents), "shared_by": [*people]} if cents > 0 and people:
            if all(isinstance(person, str) for person in people) and len(set(people)) == len(people):
                return Payment(payer, cents, tuple(people))
    raise ValueError("a payment has `payer`, `cents` above zero and names in `shared_by`, each once")
