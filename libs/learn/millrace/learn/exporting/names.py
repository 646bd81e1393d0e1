"""What others know our folders by."""

LOADER = "millrace_answers"
