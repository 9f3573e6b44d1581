"""How far a customer can be trusted with credit: points by the five Cs, and classes A to E that come true."""
