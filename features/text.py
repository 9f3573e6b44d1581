"""A text that a person reads, in every language the service speaks."""

import locale
import os
from typing import Any, Literal, NamedTuple

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


class Text(NamedTuple):
    """One message in English and simplified Chinese; both may hold the same ``{placeholders}``."""

    en: str
    zh: str

    def format(self, **values: Any) -> "Text":
        """Fill the placeholders of both languages. A value that is itself a Text speaks its own language."""
        return Text(
            *(
                getattr(self, language).format(
                    **{k: getattr(v, language) if isinstance(v, Text) else v for k, v in values.items()}
                )
                for language in LANGUAGES
            )
        )

    def of(self, language: Language) -> str:
        """The message in ``language``."""
        return self.zh if language == "zh" else self.en


def language_of_environment() -> Language:
    """The reader's language: ``RETINUE_LANGUAGE`` (en or zh) if set, else the locale's, else English."""
    wanted = os.environ.get("RETINUE_LANGUAGE") or os.environ.get("LC_ALL") or os.environ.get("LANG")
    wanted = wanted or locale.getlocale()[0] or ""
    return "zh" if wanted.lower().startswith(("zh", "chinese")) else "en"
