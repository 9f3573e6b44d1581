"""Does any feature see the future? Checks on a company's own facts, and the certificate that says what was found."""
