"""What customers are called, and who looks after them."""


def names_query(as_of: str) -> str:
    """SQL: customer_id, name and account_manager, one row a customer: of several the latest that holds before ``as_of``.

    ``as_of`` is SQL, an instant in UTC without a zone.
    """
    return f"""SELECT customer_id, name, account_manager FROM customers WHERE coalesce(valid_from < {as_of}, TRUE)
        QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY valid_from DESC NULLS LAST, name, account_manager) = 1"""
