"""Who owes whom after a shared holiday."""
