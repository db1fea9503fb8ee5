"""In which currency the prices of a crypto symbol are, from the way venues write symbols: base asset, then quote asset."""

from __future__ import annotations

_QUOTES = (
    *("FDUSD", "USDT", "USDC", "USDE", "USD1", "BUSD", "TUSD", "USDP", "BIDR", "IDRT", "BVND", "DAI"),
    *("EURI", "AEUR", "USD", "EUR", "GBP", "TRY", "BRL", "AUD", "RUB", "UAH", "JPY", "PLN", "RON", "ARS", "MXN", "ZAR"),
    *("AED", "NGN", "COP", "CZK", "KZT", "BTC", "ETH", "BNB", "SOL", "XRP", "TRX", "DOGE", "DOT", "PAX", "VAI", "MNT"),
)
UNKNOWN = "UNKNOWN"


def quote_asset(symbol: str) -> str:
    """The asset that prices of ``symbol`` are in, e.g. USDT of BTCUSDT; ``UNKNOWN`` where its end names no known one."""
    return next((quote for quote in _QUOTES if symbol.endswith(quote) and symbol != quote), UNKNOWN)
