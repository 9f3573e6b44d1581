"""The signs and codes that people write beside an amount, and which currencies each of them can mean."""

# fmt: off
CODES = (
    "EUR", "USD", "GBP", "CNY", "JPY", "CHF", "HKD", "TWD", "KRW", "INR", "SGD",
    "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RUB", "TRY",
    "BRL", "MXN", "ZAR", "AED", "SAR", "THB", "VND", "IDR", "MYR", "PHP", "ILS",
)
# fmt: on

SIGNS: dict[str, tuple[str, ...]] = {
    "€": ("EUR",),
    "£": ("GBP",),
    "$": ("USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "MXN"),
    "US$": ("USD",),
    "HK$": ("HKD",),
    "NT$": ("TWD",),
    "S$": ("SGD",),
    "A$": ("AUD",),
    "C$": ("CAD",),
    "NZ$": ("NZD",),
    "R$": ("BRL",),
    "¥": ("CNY", "JPY"),
    "CN¥": ("CNY",),
    "JP¥": ("JPY",),
    "RMB": ("CNY",),
    "人民币": ("CNY",),
    "元": ("CNY", "TWD", "HKD"),
    "圆": ("CNY",),
    "円": ("JPY",),
    "₩": ("KRW",),
    "₹": ("INR",),
    "₽": ("RUB",),
    "₺": ("TRY",),
    "₫": ("VND",),
    "฿": ("THB",),
    "₪": ("ILS",),
    "zł": ("PLN",),
    "Kč": ("CZK",),
    "Ft": ("HUF",),
    "Fr": ("CHF",),
    "kr": ("SEK", "NOK", "DKK"),
    **{code: (code,) for code in CODES},
}
"""Sign or code → the currencies that it can mean, the likeliest first."""

BY_LENGTH = tuple(sorted(SIGNS, key=lambda sign: (-len(sign), sign)))
"""All signs, so that none stands before a longer one that begins with it."""


def meant(sign: str, company: str | None) -> str:
    """The currency that a sign means in the files of a company whose own currency is ``company``; '' for no sign."""
    codes = next((codes for known, codes in SIGNS.items() if known.lower() == sign.lower()), ("",))
    return company if company in codes else codes[0]


def signs_of(currency: str, company: str | None) -> tuple[str, ...]:
    """The signs that mean a currency in the files of such a company."""
    return tuple(sign for sign in BY_LENGTH if meant(sign, company) == currency)
