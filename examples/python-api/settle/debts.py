"""From what everybody paid to the transfers that make it even. Amounts are whole cents."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Payment:
    """Somebody paid for others. Who shares the cost may include the payer."""

    payer: str
    cents: int
    shared_by: tuple[str, ...]


@dataclass(frozen=True)
class Transfer:
    debtor: str
    creditor: str
    cents: int


def balances(payments: list[Payment]) -> dict[str, int]:
    """What each person should get back (above zero) or still has to pay (below zero)."""
    result: dict[str, int] = {}
    for payment in payments:
        result[payment.payer] = result.get(payment.payer, 0) + payment.cents
        for person, share in zip(payment.shared_by, shares(payment.cents, len(payment.shared_by))):
            result[person] = result.get(person, 0) - share
    return result


def shares(cents: int, n_people: int) -> list[int]:
    """An amount in parts that differ by a cent at most; the first ones bear the odd cents."""
    each, odd = divmod(cents, n_people)
    return [each + 1] * odd + [each] * (n_people - odd)


def settle(payments: list[Payment]) -> list[Transfer]:
    """At most one transfer fewer than there are people: the largest debt goes to the largest credit."""
    open_balances = balances(payments)
    transfers = []
    while any(open_balances.values()):
        # The name decides between equals, so that the answer is always the same.
        creditor = max(open_balances, key=lambda person: (open_balances[person], person))
        debtor = min(open_balances, key=lambda person: (open_balances[person], person))
        cents = min(open_balances[creditor], -open_balances[debtor])
        open_balances[creditor] -= cents
        open_balances[debtor] += cents
        transfers.append(Transfer(debtor, creditor, cents))
    return transfers
