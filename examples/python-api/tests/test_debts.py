import unittest

from settle.debts import Payment, Transfer, balances, settle, shares


class SharesTest(unittest.TestCase):
    def test_no_cent_is_lost(self):
        self.assertEqual(shares(1000, 3), [334, 333, 333])
        self.assertEqual(shares(2, 3), [1, 1, 0])


class SettleTest(unittest.TestCase):
    def test_nothing_is_owed_without_payments(self):
        self.assertEqual(settle([]), [])

    def test_one_pays_for_two(self):
        dinner = Payment("Ada", 3000, ("Ada", "Ben"))
        self.assertEqual(settle([dinner]), [Transfer("Ben", "Ada", 1500)])

    def test_debts_cancel_out(self):
        there = Payment("Ada", 500, ("Ada", "Ben"))
        back = Payment("Ben", 500, ("Ada", "Ben"))
        self.assertEqual(settle([there, back]), [])

    def test_a_payer_may_not_share_the_cost(self):
        gift = Payment("Ada", 900, ("Ben", "Cleo"))
        self.assertEqual(settle([gift]), [Transfer("Ben", "Ada", 450), Transfer("Cleo", "Ada", 450)])

    def test_transfers_make_it_even(self):
        people = ("Ada", "Ben", "Cleo", "Dan", "Eva")
        payments = [Payment(person, 700 + 311 * index, people) for index, person in enumerate(people)]
        transfers = settle(payments)
        self.assertLess(len(transfers), len(people))
        left = balances(payments)
        for transfer in transfers:
            left[transfer.debtor] += transfer.cents
            left[transfer.creditor] -= transfer.cents
        self.assertEqual(set(left.values()), {0})
