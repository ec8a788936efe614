"""The template's tests belong to the projects made from it: pytest leaves them alone here."""

collect_ignore = ["shop"]
